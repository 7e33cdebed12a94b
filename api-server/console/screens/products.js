// The list of products, searched by what the API finds them by.
import { html, useState } from "../html.js";
import { get } from "../api.js";
import { pageOf, usePages, useRested } from "../pages.js";
import { Choice, Field, Foot, Head } from "../parts.js";
import { may } from "../session.js";
import { price, t } from "../text/text.js";

/** @typedef {import("../types").Product} Product */

/**
 * The field of a search and by what it searches.
 * @returns {{ by: string, text: string, form: any }}
 */
export function useSearch() {
  const [by, setBy] = useState("name_prefix");
  const [text, setText] = useState("");
  const rested = useRested(text.trim());
  const form = html`
    <form class="line" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Choice} label=${t("products.by")} value=${by} set=${setBy}
        options=${[["name_prefix", t("products.by.name")], ["sku", t("products.by.sku")]]} />
      <${Field} label=${t("products.search")} value=${text} set=${setText} type="search" spellcheck="false" />
    </form>`;
  return { by, text: rested, form };
}

export function ProductsScreen() {
  const { by, text, form } = useSearch();
  const [archived, setArchived] = useState(false);
  const page = usePages(`${archived} ${by} ${text}`, async (cursor, stop) => {
    /** @type {import("../types").Answer<Product[]>} */
    const answer = await get("/products", { limit: 25, cursor, ...(archived ? { archived: "true" } : { [by]: text || undefined }) }, stop);
    return pageOf(answer);
  });
  return html`
    <${Head} title=${t("products")} lead=${t("products.lead")}>
      ${may("POST", "/products") && html`<a class="button primary" href="#/products/new">${t("product.new")}</a>`}
    <//>
    <div class="tabs" role="group" aria-label=${t("products.which")}>
      ${[false, true].map((which) => html`
        <button key=${which} type="button" aria-pressed=${archived === which} onClick=${() => setArchived(which)}>${t(which ? "products.archived" : "products.sold")}</button>`)}
    </div>
    ${!archived && form}
    ${page.rows.length > 0 && html`
      <div class="scroll">
        <table>
          <thead><tr><th scope="col">${t("product.name")}</th><th scope="col">${t("product.sku")}</th>
            <th scope="col">${t("product.category")}</th><th scope="col" class="n">${t("product.price")}</th></tr></thead>
          <tbody>
            ${page.rows.map((product) => html`
              <tr key=${product.id}>
                <th scope="row"><a href=${`#/products/${product.id}`}>${product.name}</a></th>
                <td><code>${product.sku}</code></td>
                <td>${product.category}</td>
                <td class="n">${price(product.price)}</td>
              </tr>`)}
          </tbody>
        </table>
      </div>`}
    <${Foot} page=${page} empty=${t("products.empty")} />`;
}
