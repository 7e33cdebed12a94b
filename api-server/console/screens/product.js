// One product: made, changed, archived and restored.
import { html, useState } from "../html.js";
import { Outcome, useChange } from "../change.js";
import { Dialog, Head } from "../parts.js";
import { useRecord } from "../record.js";
import { may } from "../session.js";
import { t } from "../text/text.js";

/** @typedef {import("../types").Product} Product */

/** @type {import("../record.js").Kind<Product>} */
const PRODUCT = {
  path: "/products",
  screen: "product",
  names: ["name", "sku", "price", "brand", "category", "description"],
  fieldsOf: (product) => ({
    name: product.name, sku: product.sku, price: product.price.toFixed(2),
    brand: product.brand ?? "", category: product.category ?? "", description: product.description ?? "",
  }),
  // A number for a price, however it was typed, and null for what is left empty.
  sent: (name, text) => {
    if (name !== "price") return text.trim() || null;
    const value = Number(text.trim().replace(",", "."));
    // What is no number goes as it is: the API says what is wrong with it.
    return text.trim() && Number.isFinite(value) ? value : text;
  },
};

/** @param {{ id: string }} given `new` for one that is to be made. */
export function ProductScreen({ id }) {
  const record = useRecord(PRODUCT, id);
  const { isNew, one, etag, status, change, same, field } = record;
  const [sure, setSure] = useState(false);
  const other = useChange();
  const back = /** @type {[string, string]} */ (["#/products", t("products")]);
  if (!isNew && !one) {
    const gone = other.fate === "done" || other.fate === "before" ? t("product.removed") : status === 404 ? t("product.gone") : null;
    return html`<${Head} title=${t("products")} back=${back} /><p role="status">${gone ?? t(status === null ? "loading" : "unreachable")}</p>`;
  }
  const archived = Boolean(one?.archived_at);
  const writes = record.writes && !archived;
  /** What is asked is there, of a change that has no key. @param {boolean} gone */
  const isDone = (gone) => async () => {
    await record.readAgain();
    return archived !== gone;
  };
  const remove = () => {
    setSure(false);
    other.run({ method: "DELETE", path: `/products/${id}`, ifMatch: etag }, { then: record.readAgain, isDone: isDone(true) });
  };
  const restore = () =>
    other.run({ method: "PATCH", path: `/products/${id}`, body: { archived_at: null }, ifMatch: etag }, { then: record.readAgain, isDone: isDone(false) });
  const of = { readonly: !writes };
  return html`
    <${Head} title=${isNew ? t("product.new") : record.before.name} back=${back} lead=${archived && t("product.archived")}>
      ${!isNew && may("GET", "/cluster/placement") && html`<a class="button" href=${`#/ring/products:${id}`}>${t("ring.go")}</a>`}
      ${!isNew && may("GET", "/stocks/{product_id}") && html`<a class="button" href=${`#/stock/${id}`}>${t("product.stock")}</a>`}
      ${archived && record.writes && html`<button class="primary" disabled=${other.fate === "sending"} onClick=${restore}>${t("product.restore")}</button>`}
      ${!isNew && writes && may("DELETE", "/products/{id}") && html`<button onClick=${() => setSure(true)}>${t("product.archive")}</button>`}
    <//>
    ${other.fate === "moved" && html`<p class="notice bad" role="alert">${t("change.moved")}</p>`}
    <${Outcome} change=${other} />
    <form class="card" onSubmit=${record.submit}>
      ${record.newer}
      <div class="columns">
        ${field("name", { required: true, maxlength: 150, ...of })}
        ${field("sku", { required: true, maxlength: 64, spellcheck: false, ...of })}
        ${field("price", { required: true, inputmode: "decimal", hint: t("product.price.hint"), ...of })}
        ${field("category", { maxlength: 100, ...of })}
        ${field("brand", { maxlength: 150, ...of })}
      </div>
      ${field("description", { rows: 4, ...of })}
      ${writes && html`
        <div class="actions">
          <button class="primary" disabled=${change.fate === "sending" || same}>${t(isNew ? "product.create" : "product.save")}</button>
          ${same && change.fate === "idle" && html`<span class="muted">${t("product.same")}</span>`}
        </div>`}
      <${Outcome} change=${change} done=${one && t("product.saved", { n: one.version })} />
    </form>
    ${record.conflict}
    ${sure && html`
      <${Dialog} title=${t("product.archive")} close=${() => setSure(false)}>
        <p>${t("product.archive.sure")}</p>
        <div class="actions"><button class="primary danger" onClick=${remove}>${t("product.archive.go")}</button>
          <button onClick=${() => setSure(false)}>${t("cancel")}</button></div>
      <//>`}`;
}
