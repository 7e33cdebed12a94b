// One order: its lines, and what can become of it.
import { html, useEffect, useState } from "../html.js";
import { get } from "../api.js";
import { Outcome, useChange } from "../change.js";
import { Name, Person, short, useProducts, useStocks } from "../names.js";
import { Badge, Dialog, Field, Head } from "../parts.js";
import { useChanges } from "../poll.js";
import { may } from "../session.js";
import { number, price, t, time } from "../text/text.js";

/** @typedef {import("../types").Order} Order */

/** @param {{ order: Order }} given */
function Lines({ order }) {
  const ids = order.items.map((item) => item.product_id);
  useProducts(ids);
  const stocks = useStocks(ids, order.version);
  return html`
    <div class="scroll">
      <table>
        <thead><tr><th scope="col">${t("order.product")}</th><th scope="col" class="n">${t("order.quantity")}</th>
          <th scope="col" class="n">${t("stock.quantity")}</th>
          <th scope="col" class="n">${t("order.unit")}</th><th scope="col" class="n">${t("order.sum")}</th></tr></thead>
        <tbody>
          ${order.items.map((item) => html`
            <tr key=${item.product_id}>
              <th scope="row"><a href=${`#/stock/${item.product_id}`}><${Name} id=${item.product_id} detail /></a></th>
              <td class="n">${number(item.quantity)}</td>
              <td class="n">${stocks[item.product_id] === undefined ? "–" : number(stocks[item.product_id])}</td>
              <td class="n">${price(item.unit_price)}</td>
              <td class="n">${price(item.quantity * item.unit_price)}</td>
            </tr>`)}
        </tbody>
        <tfoot><tr><th scope="row" colspan="4">${t("orders.total")}</th><td class="n total">${price(order.total)}</td></tr></tfoot>
      </table>
    </div>`;
}

/** @param {{ pay: (payment: string) => void, leave: () => void }} given */
function Payment({ pay, leave }) {
  const [payment, set] = useState("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    pay(payment.trim());
  };
  return html`
    <${Dialog} title=${t("order.pay")} close=${leave}>
      <form onSubmit=${submit}>
        <${Field} label=${t("order.payment")} hint=${t("order.payment.hint")} value=${payment} set=${set} required maxlength="100" spellcheck="false" />
        <div class="actions"><button class="primary">${t("order.pay")}</button>
          <button type="button" onClick=${leave}>${t("cancel")}</button></div>
      </form>
    <//>`;
}

/** @param {{ id: string }} given */
export function OrderScreen({ id }) {
  const [had, set] = useState(/** @type {{ order: Order | null, etag: string | null, status: number | null }} */ ({ order: null, etag: null, status: null }));
  const [open, setOpen] = useState(/** @type {"pay" | "cancel" | null} */ (null));
  const change = useChange();
  const { order, etag, status } = had;
  const read = async () => {
    /** @type {import("../types").Answer<Order>} */
    const answer = await get(`/orders/${id}`);
    set((before) => answer.body ? { order: answer.body, etag: answer.etag, status: 200 } : { ...before, status: answer.status });
    return answer.body;
  };
  useEffect(() => {
    read();
  }, [id]);
  useChanges("order", (told) => (!told || told.has(id)) && change.fate !== "sending" && read());
  const back = /** @type {[string, string]} */ (["#/orders", t("orders")]);
  if (!order) {
    const text = status === null ? t("loading") : status === 404 ? t("order.gone") : t("unreachable");
    return html`<${Head} title=${t("orders")} back=${back} /><p role="status">${text}</p>`;
  }
  /**
   * @param {"PATCH" | "DELETE"} method
   * @param {unknown} body
   * @param {(order: Order) => boolean} holds Whether the order is as was asked for.
   */
  const run = async (method, body, holds) => {
    setOpen(null);
    const isDone = async () => {
      const now = await read();
      return now !== null && holds(now);
    };
    const fate = await change.run({ method, path: `/orders/${id}`, body, ifMatch: etag }, { then: read, isDone });
    // What it is now is shown, and the person decides again.
    if (fate === "moved" || fate === "refused") await read();
  };
  const changes = may("PATCH", "/orders/{id}");
  const can = {
    pay: changes && !order.is_paid && ["pending", "confirmed"].includes(order.status),
    fulfil: changes && order.status === "paid",
    cancel: may("DELETE", "/orders/{id}") && ["pending", "confirmed", "paid"].includes(order.status),
  };
  return html`
    <${Head} title=${t("order", { id: short(order.id) })} back=${back}>
      ${can.pay && html`<button class="primary" onClick=${() => setOpen("pay")}>${t("order.pay")}</button>`}
      ${can.fulfil && html`<button class="primary" onClick=${() => run("PATCH", { status: "fulfilled" }, (now) => now.status === "fulfilled")}>${t("order.fulfil")}</button>`}
      ${can.cancel && html`<button onClick=${() => setOpen("cancel")}>${t("order.cancel")}</button>`}
    <//>
    <dl class="facts">
      <div><dt>${t("orders.status")}</dt><dd><${Badge} status=${order.status} /></dd></div>
      <div><dt>${t("orders.customer")}</dt><dd><${Person} id=${order.user_id} detail /></dd></div>
      <div><dt>${t("orders.at")}</dt><dd>${time(order.created_at)}</dd></div>
      ${order.payment_id && html`<div><dt>${t("order.payment")}</dt><dd><code>${order.payment_id}</code></dd></div>`}
    </dl>
    ${order.status === "cancelled" && order.is_paid && html`<p class="notice bad">${t("order.payback")}</p>`}
    ${change.fate === "moved" && html`<p class="notice bad" role="alert">${t("change.moved")}</p>`}
    <${Outcome} change=${change} />
    <${Lines} order=${order} />
    ${open === "pay" && html`
      <${Payment} leave=${() => setOpen(null)}
        pay=${(/** @type {string} */ payment) => run("PATCH", { is_paid: true, payment_id: payment }, (now) => now.is_paid && now.payment_id === payment)} />`}
    ${open === "cancel" && html`
      <${Dialog} title=${t("order.cancel")} close=${() => setOpen(null)}>
        <p>${t("order.cancel.sure")}</p>
        <div class="actions">
          <button class="primary danger" onClick=${() => run("DELETE", undefined, (now) => now.status === "cancelled")}>${t("order.cancel.go")}</button>
          <button onClick=${() => setOpen(null)}>${t("cancel")}</button>
        </div>
      <//>`}`;
}
