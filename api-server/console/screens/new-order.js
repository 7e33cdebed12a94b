// An order in the making: for whom, and which products.
import { html, useState } from "../html.js";
import { get } from "../api.js";
import { Outcome, useChange } from "../change.js";
import { short } from "../names.js";
import { pageOf, usePages, useRested } from "../pages.js";
import { Choice, Field, Foot, Head } from "../parts.js";
import { price, t } from "../text/text.js";

/** @typedef {import("../types").Product} Product */
/** @typedef {{ product: Product, quantity: string }} Line */

const MORE = "more";

/** @param {{ user: string, set: (id: string) => void }} given */
function Customer({ user, set }) {
  const page = usePages("users", async (cursor, stop) => {
    /** @type {import("../types").Answer<import("../types").User[]>} */
    const answer = await get("/users", { limit: 100, cursor }, stop);
    return pageOf(answer);
  });
  const options = page.rows.map(({ id, name, email }) => [id, `${name} · ${email}`]);
  return html`
    <${Choice} label=${t("orders.customer")} value=${user} set=${(/** @type {string} */ id) => (id === MORE ? page.more() : set(id))}
      options=${[["", t("order.customer.choose")], ...options, ...(page.next ? [[MORE, t("order.customers.more")]] : [])]} />
    ${page.status !== 200 && page.status !== null && html`<${Foot} page=${page} empty="" />`}`;
}

/** @param {{ has: Set<string>, put: (product: Product) => void }} given */
function Add({ has, put }) {
  const [text, set] = useState("");
  const [by, setBy] = useState("name_prefix");
  const rested = useRested(text.trim());
  const page = usePages(`${by} ${rested}`, async (cursor, stop) => {
    /** @type {import("../types").Answer<Product[]>} */
    const answer = await get("/products", { limit: 6, cursor, [by]: rested || undefined }, stop);
    return pageOf(answer);
  });
  return html`
    <section class="card">
      <h2>${t("order.add")}</h2>
      <div class="line">
        <${Choice} label=${t("products.by")} value=${by} set=${setBy} options=${[["name_prefix", t("products.by.name")], ["sku", t("products.by.sku")]]} />
        <${Field} label=${t(by === "sku" ? "products.by.sku" : "order.add.search")} value=${text} set=${set} type="search" spellcheck="false" />
      </div>
      <ul class="picks">
        ${page.rows.map((product) => html`
          <li key=${product.id}>
            <span>${product.name} <small><code>${product.sku}</code></small></span>
            <span class="n">${price(product.price)}</span>
            <button type="button" disabled=${has.has(product.id)} aria-label=${t("order.put", { name: product.name })}
              onClick=${() => put(product)}>+</button>
          </li>`)}
      </ul>
      <${Foot} page=${page} empty=${t("products.empty")} />
    </section>`;
}

export function NewOrderScreen() {
  const [user, setUser] = useState("");
  const [lines, setLines] = useState(/** @type {Line[]} */ ([]));
  const change = useChange();
  const total = lines.reduce((sum, { product, quantity }) => sum + product.price * (Number(quantity) || 0), 0);
  const short_ = new Map((change.answer?.problem?.errors ?? []).flatMap((error) => error.product_id ? [[error.product_id, error]] : []));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const items = lines.map(({ product, quantity }) => ({ product_id: product.id, quantity: Number(quantity) }));
    change.run({ method: "POST", path: "/orders", body: { user_id: user, items } }, {
      then: (answer) => (location.hash = `#/orders/${answer.body.id}`),
    });
  };
  /** @param {Line} line @param {string} quantity */
  const count = (line, quantity) => setLines(lines.map((other) => (other === line ? { ...line, quantity } : other)));
  return html`
    <${Head} title=${t("order.new")} back=${["#/orders", t("orders")]} />
    <div class="halves">
      <${Add} has=${new Set(lines.map(({ product }) => product.id))}
        put=${(/** @type {Product} */ product) => setLines([...lines, { product, quantity: "1" }])} />
      <form class="card" onSubmit=${submit}>
        <${Customer} user=${user} set=${setUser} />
        ${lines.length === 0 && html`<p class="empty">${t("order.empty")}</p>`}
        <ul class="picks">
          ${lines.map((line) => {
            const { product, quantity } = line;
            const error = short_.get(product.id);
            return html`
              <li key=${product.id}>
                <span>${product.name} ${error && html`<small class="bad">${t("order.short", { available: error.available ?? 0, requested: error.requested ?? 0 })}</small>`}</span>
                <input class="count" type="number" min="1" step="1" required value=${quantity} aria-label=${`${t("order.quantity")}, ${product.name}`}
                  onInput=${(/** @type {any} */ event) => count(line, event.currentTarget.value)} />
                <button type="button" aria-label=${t("order.take", { name: product.name })}
                  onClick=${() => setLines(lines.filter((other) => other !== line))}>−</button>
              </li>`;
          })}
        </ul>
        <p class="sum"><span>${t("orders.total")}</span> <strong>${price(total)}</strong></p>
        <button class="primary" disabled=${!user || !lines.length || change.fate === "sending"}>${t("order.place")}</button>
        <${Outcome} change=${change} done=${change.answer?.body && t("order.placed", { id: short(change.answer.body.id) })} />
      </form>
    </div>`;
}
