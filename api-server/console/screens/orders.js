// The list of orders, by how far they have come.
import { html, useState } from "../html.js";
import { get } from "../api.js";
import { Person, short } from "../names.js";
import { pageOf, usePages } from "../pages.js";
import { Badge, Foot, Head } from "../parts.js";
import { useChanges } from "../poll.js";
import { may } from "../session.js";
import { number, price, t, time } from "../text/text.js";

const STATUSES = ["", "pending", "confirmed", "paid", "fulfilled", "cancelled"];
const LIMIT = 25;

export function OrdersScreen() {
  const [status, setStatus] = useState("");
  const page = usePages(status, async (cursor, stop) => {
    /** @type {import("../types").Answer<import("../types").Order[]>} */
    const answer = await get("/orders", { limit: LIMIT, cursor, status }, stop);
    return pageOf(answer);
  });
  // Who has read on stays where they are.
  useChanges("order", () => page.rows.length <= LIMIT && !page.busy && page.again(), 2000);
  return html`
    <${Head} title=${t("orders")} lead=${t("orders.lead")}>
      ${may("POST", "/orders") && html`<a class="button primary" href="#/orders/new">${t("order.new")}</a>`}
    <//>
    <div class="tabs" role="group" aria-label=${t("orders.status")}>
      ${STATUSES.map((name) => html`
        <button key=${name} type="button" aria-pressed=${status === name} onClick=${() => setStatus(name)}>
          ${name ? t(`status.${name}`) : t("orders.all")}
        </button>`)}
    </div>
    ${page.rows.length > 0 && html`
      <div class="scroll">
        <table>
          <thead><tr><th scope="col">${t("orders.at")}</th><th scope="col">${t("orders.customer")}</th>
            <th scope="col">${t("orders.status")}</th><th scope="col" class="n">${t("orders.lines")}</th>
            <th scope="col" class="n">${t("orders.total")}</th></tr></thead>
          <tbody>
            ${page.rows.map((order) => html`
              <tr key=${order.id}>
                <th scope="row"><a href=${`#/orders/${order.id}`}>${time(order.created_at)}<span class="hidden"> ${short(order.id)}</span></a></th>
                <td><${Person} id=${order.user_id} /></td>
                <td><${Badge} status=${order.status} /></td>
                <td class="n">${number(order.items.length)}</td>
                <td class="n">${price(order.total)}</td>
              </tr>`)}
          </tbody>
        </table>
      </div>`}
    <${Foot} page=${page} empty=${t("orders.empty")} />`;
}
