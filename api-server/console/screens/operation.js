// What the operator of the shop is doing: what, why, since when, how far, and what it waits for.
import { html } from "../html.js";
import { Figure, Head } from "../parts.js";
import { useLive } from "../poll.js";
import { number, t, time } from "../text/text.js";

/** @typedef {import("../types").OperationTold} Told */

const EVERY = 5000;

/** A thing that a line is about. @param {string | null | undefined} object */
const about = (object) => object && html` <code>${object}</code>`;

/** @param {{ failed: Told["operations"][number]["failed"] }} given */
const Failed = ({ failed }) => failed && html`
  <p class="notice bad">${t("operation.failed", { n: failed.attempts })} ${failed.cause}${failed.again_at && ` · ${t("operation.again", { time: time(failed.again_at) })}`}</p>`;

/** @param {{ operation: Told["operations"][number] }} given */
function Doing({ operation }) {
  const { kind, step, pod, keyspace, replication, started_at, moved_at, until, progress, cause, generation, failed } = operation;
  return html`
    <section class="card" aria-label=${t("operation.doing")}>
      <h2>${t(`operation.kind.${kind}`)}${about(pod ?? keyspace)}</h2>
      <p>${step}</p>
      <div class="figures">
        <${Figure} name=${t("operation.far")}>${progress ?? "–"}<//>
        <${Figure} name=${t("operation.since")} note=${moved_at && t("operation.moved", { time: time(moved_at) })}>${time(started_at)}<//>
        ${until && html`<${Figure} name=${t("operation.until")}>${time(until)}<//>`}
        ${replication !== null && html`<${Figure} name=${t("operation.copies")}>${number(replication)}<//>`}
      </div>
      <p><b>${t("operation.why")}</b> ${cause ?? t("operation.why.none")}${generation !== null && ` (${t("operation.generation", { n: generation })})`}</p>
      <${Failed} failed=${failed} />
    </section>`;
}

/** @param {{ name: string, columns: string[], rows: any[][] }} given */
const Table = ({ name, columns, rows }) => rows.length > 0 && html`
  <section>
    <h2>${t(`operation.${name}`)}</h2>
    <div class="scroll"><table>
      <thead><tr>${columns.map((column) => html`<th key=${column} scope="col">${t(`operation.${column}`)}</th>`)}</tr></thead>
      <tbody>${rows.map(([first, ...others]) => html`<tr><th scope="row">${first}</th>${others.map((other) => html`<td>${other}</td>`)}</tr>`)}</tbody>
    </table></div>
  </section>`;

export function OperationScreen() {
  const live = useLive("/cluster/operation", EVERY);
  const answer = /** @type {import("../types").ClusterOperation | null} */ (live.value);
  const told = answer?.told;
  const failed = live.status !== null && live.status !== 200;
  if (!told) {
    const text = failed ? t("unreachable") : answer ? t("operation.nobody") : t("loading");
    return html`<${Head} title=${t("operation")} /><p class=${failed ? "notice bad" : "muted"} role="status">${text}</p>`;
  }
  return html`
    <${Head} title=${t("operation")} lead=${t("operation.lead", { shop: told.shop })} />
    ${failed && html`<p class="notice bad" role="alert">${t("unreachable")}</p>`}
    <p class="verdict" role="status" data-state=${told.faults.length ? "bad" : told.operations.length || told.waits.length ? "edge" : "good"}>
      ${told.message || t("operation.settled")}</p>
    ${told.operations.map((operation) => html`<${Doing} key=${operation.lane} operation=${operation} />`)}
    <${Table} name="waits" columns=${["what", "since", "until"]}
      rows=${told.waits.map(({ reason, object, since, until }) => [html`${reason}${about(object)}`, time(since), time(until)])} />
    <${Table} name="faults" columns=${["what", "message", "since"]}
      rows=${told.faults.map(({ reason, object, message, since }) => [html`${reason}${about(object)}`, message, time(since)])} />
    <${Table} name="owed" columns=${["what", "nodes", "since"]}
      rows=${told.owed.map(({ kind, keyspace, nodes, since }) => [html`${t(`operation.kind.${kind}`)}${about(keyspace)}`, number(nodes), time(since)])} />
    <${Table} name="changes" columns=${["fields", "gen", "at"]}
      rows=${[...told.changes].reverse().map(({ fields, generation, at }) => [html`<code>${fields.join(", ")}</code>`, number(generation), time(at)])} />`;
}
