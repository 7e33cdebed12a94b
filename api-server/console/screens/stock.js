// Stocks: of all products, and of one with its movements.
import { html, useState } from "../html.js";
import { ask, get } from "../api.js";
import { Outcome, useChange } from "../change.js";
import { Name, useProducts } from "../names.js";
import { pageOf, usePages } from "../pages.js";
import { Field, Foot, Head } from "../parts.js";
import { CHANGES, useChanges, useLive } from "../poll.js";
import { may } from "../session.js";
import { number, signed, t, time } from "../text/text.js";
import { useSearch } from "./products.js";

/** @typedef {{ quantity: number, version: number }} Level */
/** @typedef {{ id: string, name: string, sku: string, stockLevel: Level | null }} Row */

const LIMIT = 25;
const LIST = `query ($after: String, $sku: String, $namePrefix: String) {
  products(first: ${LIMIT}, after: $after, sku: $sku, namePrefix: $namePrefix) {
    nodes { id name sku stockLevel { quantity version } } pageInfo { hasNextPage endCursor }
  }
}`;
/** How often the stock that is looked at is read, where nothing tells of changes. */
const EVERY = 2000;
export function StockListScreen() {
  const { by, text, form } = useSearch();
  const page = usePages(`${by} ${text}`, async (after, stop) => {
    const answer = await ask(LIST, { after, [by === "sku" ? "sku" : "namePrefix"]: text || undefined }, { stop });
    const found = answer.body?.data?.products;
    const next = found?.pageInfo.hasNextPage ? found.pageInfo.endCursor : null;
    const rows = /** @type {Row[]} */ (found?.nodes ?? []);
    return { rows, next, status: answer.ok && !found ? 503 : answer.status, problem: answer.problem };
  });
  const [told, set] = useState(/** @type {Record<string, Level>} */ ({}));
  useChanges("stock", (changes) => {
    // Who has read on stays where they are.
    if (!changes) return page.rows.length <= LIMIT && !page.busy && page.again();
    const shown = page.rows.flatMap(({ id }) => {
      const { quantity, version } = changes.get(id) ?? {};
      return quantity === undefined || version === undefined ? [] : [[id, { quantity, version }]];
    });
    if (shown.length) set((had) => ({ ...had, ...Object.fromEntries(shown) }));
  });
  return html`
    <${Head} title=${t("stock")} lead=${t("stock.lead")} />
    ${form}
    ${page.rows.length > 0 && html`
      <div class="scroll">
        <table>
          <thead><tr><th scope="col">${t("product.name")}</th><th scope="col">${t("product.sku")}</th>
            <th scope="col" class="n">${t("stock.quantity")}</th></tr></thead>
          <tbody>
            ${page.rows.map((row) => {
              const [read, heard] = [row.stockLevel, told[row.id]];
              const quantity = (heard && heard.version > (read?.version ?? 0) ? heard : read)?.quantity;
              return html`
                <tr key=${row.id}>
                  <th scope="row"><a href=${`#/stock/${row.id}`}>${row.name}</a></th>
                  <td><code>${row.sku}</code></td>
                  <td class="n">${quantity === undefined ? html`<span class="muted">${t("stock.unset")}</span>` : number(quantity)}</td>
                </tr>`;
            })}
          </tbody>
        </table>
      </div>`}
    <${Foot} page=${page} empty=${t("stock.empty")} />`;
}

/** @param {{ id: string, isThere: boolean, then: () => void }} given */
function Adjust({ id, isThere, then }) {
  const empty = { delta: "", reason: "", reference: "" };
  const [fields, set] = useState(empty);
  const change = useChange();
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const units = Number(fields.delta);
    const texts = Object.fromEntries(["reason", "reference"].flatMap((name) => {
      const text = fields[/** @type {"reason" | "reference"} */ (name)].trim();
      return text ? [[name, text]] : [];
    }));
    const done = () => { set(empty); then(); };
    if (isThere) change.run({ method: "POST", path: `/stocks/${id}/adjustments`, body: { delta: units, ...texts } }, { then: done });
    else change.run({ method: "POST", path: "/stocks", body: { product_id: id, quantity: units } }, { then: done });
  };
  const field = (/** @type {keyof typeof empty} */ name, /** @type {Record<string, any>} */ more = {}) => html`
    <${Field} label=${t(`stock.${name}`)} value=${fields[name]} set=${(/** @type {string} */ text) => set({ ...fields, [name]: text })} ...${more} />`;
  return html`
    <form class="card" onSubmit=${submit}>
      <h2>${t(isThere ? "stock.adjust" : "stock.begin")}</h2>
      ${isThere && html`<p class="muted">${t("stock.adjust.lead")}</p>`}
      <div class="line">
        ${field("delta", { type: "number", step: 1, required: true, min: isThere ? undefined : 0 })}
        ${isThere && field("reason", { maxlength: 150 })}
        ${isThere && field("reference", { maxlength: 100 })}
        <button class="primary" disabled=${change.fate === "sending"}>${t(isThere ? "stock.adjust" : "stock.begin")}</button>
      </div>
      <${Outcome} change=${change} done=${change.answer?.body && t("stock.adjusted", { n: change.answer.body.quantity })} />
    </form>`;
}

/** @param {{ id: string }} given */
export function StockScreen({ id }) {
  useProducts([id]);
  const live = useLive(/** @type {string} */ (`/stocks/${id}`), EVERY, undefined, { path: CHANGES });
  const stock = /** @type {import("../types").Stock | null} */ (live.value);
  useChanges("stock", (changes) => (!changes || changes.has(id)) && live.again(), 100);
  // Another version has other movements.
  const page = usePages(`${id} ${stock?.version ?? 0}`, async (cursor, stop) => {
    /** @type {import("../types").Answer<import("../types").Movement[]>} */
    const answer = await get(`/stocks/${id}/movements`, { limit: 25, cursor }, stop);
    // A stock that was never set has none.
    return answer.status === 404 ? { rows: [], next: null, status: 200, problem: null } : pageOf(answer);
  });
  const away = live.status !== null && live.status !== 200 && live.status !== 404;
  const isThere = stock !== null;
  return html`
    <${Head} title=${html`<${Name} id=${id} />`} back=${["#/stock", t("stock")]}>
      ${may("GET", "/products/{id}") && html`<a class="button" href=${`#/products/${id}`}>${t("stock.product")}</a>`}
    <//>
    ${away && html`<p class="notice bad" role="alert">${t("unreachable")}</p>`}
    <div class="figure big" role="status">
      <span class="name">${t("stock.quantity")}</span>
      <strong>${stock ? number(stock.quantity) : live.status === 404 ? "–" : "…"}</strong>
      <small>${stock ? t("stock.version", { n: stock.version }) : live.status === 404 && t("stock.unset")}</small>
    </div>
    ${may("POST", "/stocks/{product_id}/adjustments") && live.status !== null && html`
      <${Adjust} key=${String(isThere)} id=${id} isThere=${isThere} then=${live.again} />`}
    <section>
      <h2>${t("stock.movements")}</h2>
      ${page.rows.length > 0 && html`
        <div class="scroll">
          <table>
            <thead><tr>
              ${["at", "kind", "delta", "after", "why"].map((name) => html`
                <th key=${name} scope="col" class=${["delta", "after"].includes(name) && "n"}>${t(`stock.moved.${name}`)}</th>`)}
            </tr></thead>
            <tbody>
              ${page.rows.map((move) => html`
                <tr key=${move.id}>
                  <th scope="row" class="plain">${time(move.at)}</th>
                  <td>${t(`kind.${move.kind}`)}</td>
                  <td class="n">${signed(move.delta)}</td>
                  <td class="n">${number(move.quantity)}</td>
                  <td>${move.reason} ${move.kind === "order" || move.kind === "return"
                    ? html`<a href=${`#/orders/${move.reference}`}>${t("order", { id: "…" + (move.reference ?? "").slice(-8) })}</a>`
                    : move.reference && html`<code>${move.reference}</code>`}</td>
                </tr>`)}
            </tbody>
          </table>
        </div>`}
      <${Foot} page=${page} empty=${t("stock.moved.empty")} />
    </section>`;
}
