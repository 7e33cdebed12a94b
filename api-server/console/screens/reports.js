// The three reports, of which each role sees those that it may.
import { html, useState } from "../html.js";
import { get } from "../api.js";
import { Name, Person, useProducts } from "../names.js";
import { pageOf, usePages } from "../pages.js";
import { Choice, Field, Foot, Head } from "../parts.js";
import { may } from "../session.js";
import { number, price, t } from "../text/text.js";

/** @typedef {import("../types").Seller & import("../types").Spender & import("../types").StockOverview} Row */

const REPORTS = {
  sellers: "/orders/reports/best-sellers",
  spenders: "/orders/reports/highest-spenders",
  overview: "/stocks/reports/overview-stocks",
};
/** @typedef {keyof typeof REPORTS} Report */

/** How much of the greatest a figure is. @param {{ part: number }} given */
const Bar = ({ part }) => html`
  <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width=${Math.max(1, 100 * part)} height="8" /></svg>`;

/** @param {{ rows: Row[] }} given */
function Sellers({ rows }) {
  const named = may("POST", "/stocks/graphql-query");
  useProducts(named ? rows.map((row) => row.product_id) : []);
  const most = rows[0]?.quantity_sold ?? 1;
  return html`
    <thead><tr><th scope="col">${t("order.product")}</th><td class="wide"></td><th scope="col" class="n">${t("reports.sold")}</th></tr></thead>
    <tbody>${rows.map((row) => html`
      <tr key=${row.product_id}><th scope="row"><${Name} id=${row.product_id} detail /></th>
        <td><${Bar} part=${row.quantity_sold / most} /></td><td class="n">${number(row.quantity_sold)}</td></tr>`)}</tbody>`;
}

/** @param {{ rows: Row[] }} given */
function Spenders({ rows }) {
  const most = rows[0]?.total_expense ?? 1;
  return html`
    <thead><tr><th scope="col">${t("orders.customer")}</th><td class="wide"></td><th scope="col" class="n">${t("reports.spent")}</th></tr></thead>
    <tbody>${rows.map((row) => html`
      <tr key=${row.user_id}><th scope="row"><${Person} id=${row.user_id} detail /></th>
        <td><${Bar} part=${row.total_expense / most} /></td><td class="n">${price(row.total_expense)}</td></tr>`)}</tbody>`;
}

/** @param {{ rows: Row[] }} given */
function Overview({ rows }) {
  const stock = may("GET", "/stocks/{product_id}");
  return html`
    <thead><tr><th scope="col">${t("product.name")}</th><th scope="col">${t("product.sku")}</th>
      <th scope="col" class="n">${t("reports.price")}</th><th scope="col" class="n">${t("reports.units")}</th></tr></thead>
    <tbody>${rows.map((row) => html`
      <tr key=${row.product_id}><th scope="row">${stock ? html`<a href=${`#/stock/${row.product_id}`}>${row.name}</a>` : row.name}</th>
        <td><code>${row.sku}</code></td><td class="n">${price(row.unit_price)}</td>
        <td class="n">${number(row.units_in_stock)}</td></tr>`)}</tbody>`;
}

const BODIES = { sellers: Sellers, spenders: Spenders, overview: Overview };

export function ReportsScreen() {
  const names = /** @type {Report[]} */ (Object.keys(REPORTS)).filter((name) => may("GET", REPORTS[name]));
  const [report, setReport] = useState(names[0]);
  const [limit, setLimit] = useState("10");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const days = report === "overview" ? {} : { from, to };
  const page = usePages(JSON.stringify([report, limit, days]), async (cursor, stop) => {
    /** @type {import("../types").Answer<Row[]>} */
    const answer = await get(REPORTS[report], { limit, cursor, ...days }, stop);
    return { ...pageOf(answer), report };
  });
  // Rows of the report before stay until those of the next have come, and are none of its.
  const isOf = /** @type {any} */ (page).report === report;
  const Body = BODIES[report];
  return html`
    <${Head} title=${t("reports")} lead=${t("reports.lead")} />
    ${names.length > 1 && html`
      <div class="tabs" role="group" aria-label=${t("reports.which")}>
        ${names.map((name) => html`
          <button key=${name} type="button" aria-pressed=${report === name} onClick=${() => setReport(name)}>${t(`reports.${name}`)}</button>`)}
      </div>`}
    ${names.length === 1 && html`<h2>${t(`reports.${report}`)}</h2>`}
    <div class="line">
      ${report !== "overview" && html`
        <${Field} label=${t("reports.from")} value=${from} set=${setFrom} type="date" />
        <${Field} label=${t("reports.to")} value=${to} set=${setTo} type="date" />`}
      <${Choice} label=${t("reports.rows")} value=${limit} set=${setLimit} options=${["10", "25", "100"].map((n) => [n, n])} />
    </div>
    ${isOf && page.rows.length > 0 && html`<div class="scroll"><table key=${report}><${Body} rows=${page.rows} /></table></div>`}
    <${Foot} page=${page} empty=${t("reports.empty")} />`;
}
