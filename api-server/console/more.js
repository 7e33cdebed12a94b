// What is known of the last answer: level, coordinator, the replicas that hold its row, and, asked for again, its trace.
import { html, useEffect, useState } from "./html.js";
import { send } from "./api.js";
import { shortened } from "./answered.js";
import { Badge, Dialog } from "./parts.js";
import { rowQuery } from "./ring/key.js";
import { may, viewer } from "./session.js";
import { number, t } from "./text/text.js";

/** @typedef {import("./types").Placement} Placement */

/**
 * The row that a path is about: its table and its partition key.
 * @param {string} path
 * @returns {{ table: string, key: string[] } | null}
 */
export function rowOf(path) {
  const found = /^\/(products|users|orders|stocks)\/([0-9a-f]{8}-[0-9a-f-]{27})/.exec(path);
  if (!found) return null;
  return found[1] === "stocks" ? { table: "ledgers", key: ["stock", found[2]] } : { table: found[1], key: [found[2]] };
}

/** What a trace tells, out of its header: an id and `name=value` pairs. @param {string} text */
export function traceOf(text) {
  const [id, ...pairs] = text.split(";").map((part) => part.trim());
  const told = Object.fromEntries(pairs.map((pair) => pair.split("=")));
  return { id, coordinator: told.coordinator ?? "", micros: Number(told.duration_us), events: Number(told.events) };
}

/** @param {{ told: import("./api.js").Told, close: () => void }} given */
export function More({ told, close }) {
  const { ask, status, level, coordinator, ms } = told;
  const row = rowOf(ask.path);
  const [place, setPlace] = useState(/** @type {Placement | null} */ (null));
  const [trace, setTrace] = useState(/** @type {{ text: string | null, why: string } | null} */ (null));
  useEffect(() => {
    if (!row || !may("GET", "/cluster/placement")) return;
    send({ method: "GET", path: `/cluster/placement${rowQuery(row)}`, quiet: true })
      .then(({ body }) => setPlace(/** @type {Placement | null} */ (body)));
  }, []);
  // Only what changes nothing is asked again, and only by those for whom Cassandra is traced.
  const again = ask.method === "GET" || ask.path.endsWith("graphql-query");
  const traces = again && !["director", "supplier"].includes(viewer.value?.role ?? "");
  const ask_ = async () => {
    const answer = await send({ ...ask, trace: true, quiet: true });
    setTrace({ text: answer.trace, why: answer.problem?.detail ?? t("answered.trace.none") });
  };
  const read = trace?.text ? traceOf(trace.text) : null;
  const part = (/** @type {string} */ name, /** @type {any} */ value) =>
    html`<div><dt>${t(`answered.${name}`)}</dt><dd>${value ?? "–"}</dd></div>`;
  return html`
    <${Dialog} title=${t("answered.title")} close=${close}>
      <p><code>${ask.method} ${shortened(ask.path)}</code></p>
      <dl class="facts">
        ${part("status", status || t("answered.none"))}
        ${part("level", level)}
        ${part("coordinator", coordinator && html`<code>${coordinator}</code>`)}
        ${part("took", t("milliseconds", { n: number(ms) }))}
        ${part("replicas", row ? place?.replicas.map((replica) => html`
          <span key=${replica.host_id} class="replica"><code>${replica.address}</code> <${Badge} status=${replica.state} /></span>`)
          : t("answered.norow"))}
      </dl>
      <div role="status">
        ${trace && !read && html`<p class="bad">${trace.why}</p>`}
        ${read && html`
          <dl class="facts">
            ${part("trace", html`<code>${read.id}</code>`)}
            ${part("coordinator", read.coordinator && html`<code>${read.coordinator}</code>`)}
            ${part("took", Number.isFinite(read.micros) ? t("microseconds", { n: number(read.micros) }) : null)}
            ${part("events", Number.isFinite(read.events) ? number(read.events) : null)}
          </dl>`}
      </div>
      <div class="actions">
        ${traces && html`<button type="button" class="primary" onClick=${ask_}>${t("answered.trace.ask")}</button>`}
        ${row && may("GET", "/cluster/replicas") && html`
          <a class="button" href=${`#/consistency/${row.table}:${row.key.join(":")}`} onClick=${close}>${t("answered.copies")}</a>`}
        <button type="button" onClick=${close}>${t("cancel")}</button>
      </div>
    <//>`;
}
