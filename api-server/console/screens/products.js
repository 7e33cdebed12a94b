// The list of products, searched by what the API finds them by.
import { html, useState } from "../html.js";
import { get } from "../api.js";
import { Outcome, useChange } from "../change.js";
import { pageOf, usePages, useRested } from "../pages.js";
import { Choice, Field, Foot, Head } from "../parts.js";
import { useChanges } from "../poll.js";
import { may } from "../session.js";
import { price, t } from "../text/text.js";

/** @typedef {import("../types").Product} Product */

const LIMIT = 25;

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
        options=${[["name_prefix", t("products.by.name")], ["words", t("products.by.words")], ["sku", t("products.by.sku")]]} />
      <${Field} label=${t("products.search")} value=${text} set=${setText} type="search" spellcheck="false" />
    </form>`;
  return { by, text: rested, form };
}

/** @param {{ product: Product, then: () => void }} given */
function Restore({ product, then }) {
  const change = useChange();
  const path = `/products/${product.id}`;
  // A second try finds whether the first one did it.
  const isDone = async () => {
    /** @type {import("../types").Answer<Product>} */
    const answer = await get(path);
    return answer.body !== null && !answer.body.archived_at;
  };
  const restore = async () => {
    const fate = await change.run({ method: "PATCH", path, body: { archived_at: null }, ifMatch: `"${product.version}"` }, { then, isDone });
    if (fate === "moved") then();
  };
  return html`
    <button type="button" disabled=${change.fate === "sending"} onClick=${restore}>
      ${t("product.restore")}<span class="hidden"> ${product.name}</span></button>
    <${Outcome} change=${change} />`;
}

export function ProductsScreen() {
  const { by, text, form } = useSearch();
  const [archived, setArchived] = useState(false);
  const page = usePages(`${archived} ${by} ${text}`, async (cursor, stop) => {
    /** @type {import("../types").Answer<Product[]>} */
    const answer = await get("/products", { limit: LIMIT, cursor, ...(archived ? { archived: "true" } : { [by]: text || undefined }) }, stop);
    return pageOf(answer);
  });
  // Who has read on stays where they are.
  useChanges("product", () => page.rows.length <= LIMIT && !page.busy && page.again(), 2000);
  const restores = archived && may("PATCH", "/products/{id}");
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
            <th scope="col">${t("product.category")}</th><th scope="col" class="n">${t("product.price")}</th>
            ${restores && html`<th scope="col">${t("product.restore")}</th>`}</tr></thead>
          <tbody>
            ${page.rows.map((product) => html`
              <tr key=${product.id}>
                <th scope="row"><a href=${`#/products/${product.id}`}>${product.name}</a></th>
                <td><code>${product.sku}</code></td>
                <td>${product.category}</td>
                <td class="n">${price(product.price)}</td>
                ${restores && html`<td><${Restore} product=${product} then=${page.again} /></td>`}
              </tr>`)}
          </tbody>
        </table>
      </div>`}
    <${Foot} page=${page} empty=${t("products.empty")} />`;
}
