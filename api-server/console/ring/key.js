// The key of a row: which table, and a value for each column of its partition key.
import { html, useEffect, useState } from "../html.js";
import { Choice, Field } from "../parts.js";
import { t } from "../text/text.js";

/** @typedef {{ table: string, key: string[] }} Row */

/** The query of a row, as /cluster/placement and /cluster/replicas take it. @param {Row} row */
export const rowQuery = ({ table, key }) => `?table=${table}${key.map((part) => `&key=${encodeURIComponent(part)}`).join("")}`;

/**
 * @param {object} given
 * @param {Record<string, { name: string, cql_type: string }[]>} given.tables
 * @param {string} given.start A row to begin with, as `table:key` or `table:key:key`.
 * @param {(row: Row) => void} given.find
 */
export function KeyForm({ tables, start, find }) {
  const names = Object.keys(tables);
  const [given, ...wanted] = start.split(":");
  const [chosen, setTable] = useState(given || "products");
  const table = names.includes(chosen) ? chosen : names[0];
  const columns = tables[table] ?? [];
  const [key, setKey] = useState(wanted);
  const submit = (/** @type {Event | undefined} */ event = undefined) => {
    event?.preventDefault();
    find({ table, key: columns.map((_, at) => (key[at] ?? "").trim()) });
  };
  useEffect(() => {
    if (wanted.length && columns.length) submit();
  }, [columns.length > 0]);
  return html`
    <form class="line" onSubmit=${submit}>
      <${Choice} label=${t("ring.table")} value=${table} set=${setTable} options=${names.map((name) => [name, name])} />
      ${columns.map(({ name, cql_type }, at) => html`
        <${Field} key=${name} label=${`${name} (${cql_type})`} value=${key[at] ?? ""} required spellcheck="false"
          set=${(/** @type {string} */ text) => setKey(columns.map((_, other) => (other === at ? text : key[other] ?? "")))} />`)}
      <button class="primary">${t("ring.find")}</button>
    </form>`;
}
