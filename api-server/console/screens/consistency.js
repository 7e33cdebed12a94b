// A row as each of its replicas has it, side by side, and what each level promises while nodes are down.
import { html, useEffect, useState } from "../html.js";
import { send } from "../api.js";
import { Badge, Head } from "../parts.js";
import { useLive } from "../poll.js";
import { stale, versionOf } from "../ring/activity.js";
import { KeyForm, rowQuery } from "../ring/key.js";
import { read } from "../ring/reading.js";
import { may } from "../session.js";
import { number, percent, t } from "../text/text.js";

/** @typedef {import("../types").Copies} Copies */

const EVERY = 1000;
const SELDOM = 10_000;

/** What stands in a cell of a row. @param {unknown} value */
const shown = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** @param {{ copies: Copies }} given */
function SideBySide({ copies }) {
  const { replicas } = copies;
  const old = stale(replicas);
  const columns = [...new Set(replicas.flatMap(({ rows }) => Object.keys(rows?.[0] ?? {})))];
  const newest = replicas.find((copy) => copy.rows && !old.has(copy.host_id));
  const told = old.size ? t("copies.stale", { n: old.size }) : replicas.some(({ rows }) => !rows) ? t("copies.some") : t("copies.same");
  return html`
    <p class="verdict" role="status" data-state=${old.size ? "edge" : "good"}>${told}</p>
    <div class="scroll">
      <table class="copies">
        <thead><tr><th scope="col">${t("copies.column")}</th>${replicas.map((copy) => html`
          <th key=${copy.host_id} scope="col"><code>${copy.address}</code><br /><small>${[copy.datacenter, copy.rack].filter(Boolean).join(" · ")}</small><br />
            <${Badge} status=${old.has(copy.host_id) ? "STALE" : copy.state} /></th>`)}</tr></thead>
        <tbody>
          ${replicas.some(({ detail }) => detail) && html`
            <tr><th scope="row">${t("copies.detail")}</th>${replicas.map((copy) => html`<td key=${copy.host_id} class="bad">${copy.detail}</td>`)}</tr>`}
          <tr><th scope="row">${t("copies.rows")}</th>${replicas.map((copy) => html`
            <td key=${copy.host_id}>${copy.rows ? number(copy.rows.length) : "–"}</td>`)}</tr>
          ${columns.map((name) => html`
            <tr key=${name}><th scope="row"><code>${name}</code></th>${replicas.map((copy) => {
              const text = shown(/** @type {any} */ (copy.rows?.[0])?.[name]);
              const other = versionOf(copy) >= 0 && newest && text !== shown(/** @type {any} */ (newest.rows?.[0])?.[name]);
              return html`<td key=${copy.host_id}>${other ? html`<mark>${text}</mark>` : text}</td>`;
            })}</tr>`)}
        </tbody>
      </table>
    </div>`;
}

/** @param {{ start: string, tables: Record<string, any> }} given */
function Row({ start, tables }) {
  const [row, setRow] = useState(/** @type {import("../ring/key.js").Row | null} */ (null));
  const [had, set] = useState(/** @type {{ copies: Copies | null, wrong: string }} */ ({ copies: null, wrong: "" }));
  const [follows, setFollows] = useState(false);
  useEffect(() => {
    if (!row) return;
    const stop = new AbortController();
    let timer = 0;
    const look = async (/** @type {boolean} */ quiet) => {
      const answer = await send({ method: "GET", path: `/cluster/replicas${rowQuery(row)}`, quiet }, stop.signal);
      if (stop.signal.aborted) return;
      set({ copies: /** @type {Copies | null} */ (answer.body), wrong: answer.ok ? "" : answer.problem?.detail ?? t("unreachable") });
      if (follows) timer = setTimeout(look, EVERY, true);
    };
    look(false);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [row, follows]);
  return html`
    <section class="card">
      <h2>${t("copies")}</h2>
      <p class="muted">${t("copies.lead")}</p>
      <${KeyForm} tables=${tables} start=${start} find=${setRow} />
      <label class="choice"><input type="checkbox" checked=${follows} onChange=${() => setFollows(!follows)} /> ${t("copies.follow")}</label>
      <div role="status">${had.wrong && html`<p class="bad">${had.wrong}</p>`}</div>
      ${had.copies && html`<${SideBySide} copies=${had.copies} />`}
    </section>`;
}

/** @param {{ id?: string }} given A row to look for, as `table:key`. */
export function ConsistencyScreen({ id = "" }) {
  const levels = useLive("/cluster/consistency", SELDOM);
  const nodes = useLive(/** @type {string} */ ("/cluster/nodes"), EVERY, undefined, { path: "/cluster/live", event: "nodes" });
  const ring = useLive("/cluster/ring", SELDOM);
  const keyspaces = useLive("/cluster/keyspaces", SELDOM);
  const table = /** @type {import("../types").ConsistencyTable | null} */ (levels.value);
  const all = /** @type {import("../types").ClusterNode[] | null} */ (nodes.value);
  const ranges = /** @type {import("../types").Ring | null} */ (ring.value);
  const known = /** @type {import("../types").Keyspace[]} */ (keyspaces.value ?? []);
  const readable = known.find(({ name }) => name === table?.keyspace)?.tables ?? {};
  const tables = Object.fromEntries(["products", "users", "orders", "ledgers"].filter((name) => readable[name]).map((name) => [name, readable[name]]));
  if (!table || !all || !ranges) return html`<${Head} title=${t("consistency")} /><p class="muted" role="status">${t("loading")}</p>`;
  const down = all.filter(({ state }) => state === "DOWN").length;
  return html`
    <${Head} title=${t("consistency")} lead=${t("consistency.lead", { keyspace: table.keyspace, down, all: all.length })} />
    ${may("GET", "/cluster/replicas") && html`<${Row} start=${id} tables=${tables} />`}
    <section>
      <h2>${t("consistency.levels")}</h2>
      <div class="scroll">
        <table>
          <thead><tr>${["level", "required", "survives", "sees", "now"].map((name) => html`
            <th key=${name} scope="col" class=${["required", "survives"].includes(name) && "n"}>${t(`consistency.${name}`)}</th>`)}</tr></thead>
          <tbody>
            ${table.levels.map((level) => {
              const { lost } = read(all, ranges, level.level);
              return html`
                <tr key=${level.level} data-shown=${level.level === table.default_level}>
                  <th scope="row"><code>${level.level}</code>${level.level === table.default_level && html` <small>${t("consistency.default")}</small>`}</th>
                  <td class="n">${number(level.required)}</td>
                  <td class="n">${number(level.survives_nodes_down)}</td>
                  <td>${t(level.reads_see_writes ? "yes" : "no")}</td>
                  <td class=${lost > 0 || !level.possible ? "bad" : "good"}>${!level.possible ? t("consistency.impossible")
                    : lost > 0 ? t("ring.cost.some", { share: percent(lost) }) : t("consistency.served")}</td>
                </tr>`;
            })}
          </tbody>
        </table>
      </div>
    </section>`;
}
