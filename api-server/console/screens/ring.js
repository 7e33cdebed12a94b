// The ring: what survives, who keeps what, and where a row lives.
import { html, useEffect, useMemo, useState } from "../html.js";
import { get } from "../api.js";
import { Badge, Choice, Figure, Head } from "../parts.js";
import { useLive } from "../poll.js";
import { arcs } from "../ring/activity.js";
import { KeyForm, rowQuery } from "../ring/key.js";
import { Peers, Work } from "../ring/work.js";
import { may } from "../session.js";
import { RingFigure } from "../ring/figure.js";
import { read } from "../ring/reading.js";
import { clock, number, percent, t } from "../text/text.js";

/** @typedef {import("../types").ClusterNode} ClusterNode */
/** @typedef {import("../types").Placement} Placement */
/** @typedef {import("../ring/reading.js").Reading} Reading */

/** Tables whose rows can be read from each replica. */
const COPIED = ["products", "users", "orders", "ledgers"];
/** Nodes come and go within a second; what they keep changes with a topology. */
const NODES_EVERY = 1000;
const ACTIVITY_EVERY = 2000;
const RING_EVERY = 10_000;

/** @param {{ reading: Reading, level: string }} given */
function Verdict({ reading, level }) {
  const { margin, lost } = reading;
  const state = margin < 0 ? "bad" : margin === 0 ? "edge" : "good";
  const what = margin < 0
    ? t("ring.broken", { share: percent(lost), level })
    : margin === 0 ? t("ring.edge") : t("ring.safe", { n: margin });
  return html`<p class="verdict" data-state=${state} role="status">${what}</p>`;
}

/** @param {{ nodes: ClusterNode[], reading: Reading, shown: string | null, show: (id: string | null) => void }} given */
function Nodes({ nodes, reading, shown, show }) {
  return html`
    <div class="scroll">
      <table>
        <thead><tr>
          ${["node", "place", "state", "tokens", "first", "keeps", "cost"].map((name) => html`
            <th key=${name} scope="col" class=${["tokens", "first", "keeps"].includes(name) && "n"}>${t(`ring.${name}`)}</th>`)}
        </tr></thead>
        <tbody>
          ${nodes.map((node) => {
            const of = reading.by.get(node.host_id) ?? { keeps: 0, first: 0, cost: 0 };
            const cost = node.state === "DOWN" ? t("ring.cost.down")
              : of.cost > 0 ? t("ring.cost.some", { share: percent(of.cost) }) : t("ring.cost.none");
            return html`
              <tr key=${node.host_id} data-shown=${shown === node.host_id}
                onMouseEnter=${() => show(node.host_id)} onMouseLeave=${() => show(null)}>
                <th scope="row"><code>${node.address}</code></th>
                <td>${[node.datacenter, node.rack].filter(Boolean).join(" · ")}</td>
                <td><${Badge} status=${node.state} /></td>
                <td class="n">${number(node.tokens.length)}</td>
                <td class="n">${percent(of.first)}</td>
                <td class="n">${percent(of.keeps)}</td>
                <td class=${of.cost > 0 && node.state === "UP" ? "warn" : "muted"}>${cost}</td>
              </tr>`;
          })}
        </tbody>
      </table>
    </div>`;
}

/** @param {{ tables: Record<string, { name: string, cql_type: string }[]>, nodes: ClusterNode[], row: Placement | null, place: (row: Placement | null) => void, start: string }} given */
function Where({ tables, nodes, row, place, start }) {
  const [wrong, setWrong] = useState("");
  // As they are now, not as they were when the row was looked for.
  const states = Object.fromEntries(nodes.map((node) => [node.host_id, node.state]));
  const find = async (/** @type {import("../ring/key.js").Row} */ row) => {
    /** @type {import("../types").Answer<Placement>} */
    const answer = await get(`/cluster/placement${rowQuery(row)}`);
    setWrong(answer.ok ? "" : answer.problem?.detail ?? t("unreachable"));
    place(answer.body);
  };
  return html`
    <section class="card">
      <h2>${t("ring.where")}</h2>
      <p class="muted">${t("ring.where.lead")}</p>
      <${KeyForm} tables=${tables} start=${start} find=${find} />
      <div role="status">
        ${wrong && html`<p class="bad">${wrong}</p>`}
        ${row && html`
          <dl class="facts">
            <div><dt>${t("ring.token")}</dt><dd><code>${row.token}</code></dd></div>
            <div><dt>${t("ring.found")}</dt><dd>${row.replicas.map((replica) => html`
              <span key=${replica.host_id} class="replica"><code>${replica.address}</code> <${Badge} status=${states[replica.host_id] ?? replica.state} /></span>`)}</dd></div>
          </dl>
          <div class="actions">
            ${may("GET", "/cluster/replicas") && COPIED.includes(row.table) && html`
              <a href=${`#/consistency/${[row.table, ...row.key].map(encodeURIComponent).join(":")}`}>${t("answered.copies")}</a>`}
            <button type="button" class="quiet" onClick=${() => place(null)}>${t("ring.forget")}</button>
          </div>`}
      </div>
    </section>`;
}

/** @param {{ id?: string }} given A row to look for, as `table:key`. */
export function RingScreen({ id = "" }) {
  const [keyspace, setKeyspace] = useState("");
  const [shown, show] = useState(/** @type {string | null} */ (null));
  const [row, place] = useState(/** @type {Placement | null} */ (null));
  const nodes = useLive(/** @type {string} */ ("/cluster/nodes"), NODES_EVERY, undefined, { path: "/cluster/live", event: "nodes" });
  const ring = useLive("/cluster/ring", RING_EVERY, { keyspace });
  const keyspaces = useLive("/cluster/keyspaces", RING_EVERY);
  const levels = useLive("/cluster/consistency", RING_EVERY);
  const told = useLive("/cluster/activity", ACTIVITY_EVERY);
  const activity = /** @type {import("../types").NodeActivity[]} */ (told.value ?? []);
  const all = /** @type {ClusterNode[]} */ (nodes.value ?? []);
  const table = /** @type {import("../types").ConsistencyTable | null} */ (levels.value);
  const ranges = /** @type {import("../types").Ring | null} */ (ring.value);
  const known = /** @type {import("../types").Keyspace[]} */ (keyspaces.value ?? []);
  // Other nodes, or a node with other tokens, make another ring.
  const topology = all.map((node) => node.host_id + node.tokens.length).join();
  useEffect(() => ring.again(), [topology]);
  const level = table?.default_level ?? "LOCAL_QUORUM";
  const reading = useMemo(() => ranges && read(all, ranges, level), [nodes.at, ring.at, level]);
  const stale = nodes.status !== null && nodes.status !== 200;
  if (!reading || !ranges || !all.length) {
    return html`<${Head} title=${t("ring")} />
      <p class=${stale ? "notice bad" : "muted"} role="status">${stale ? t("unreachable") : t("loading")}</p>`;
  }
  const replication = known.find(({ name }) => name === ranges.keyspace)?.replication ?? {};
  const up = all.filter((node) => node.state === "UP").length;
  return html`
    <${Head} title=${t("ring")} lead=${t("ring.lead", { name: ranges.cluster_name })}>
      ${known.length > 1 && html`
        <${Choice} label=${t("ring.keyspace")} value=${ranges.keyspace} set=${setKeyspace} options=${known.map(({ name }) => [name, name])} />`}
    <//>
    ${stale && html`<p class="notice bad" role="alert">${t("ring.stale", { time: clock(nodes.at) })}</p>`}
    <${Verdict} reading=${reading} level=${level} />
    <div class="figures">
      <${Figure} name=${t("ring.margin")} note=${t("ring.margin.note", { n: Math.max(0, reading.margin) })}>${number(Math.max(0, reading.margin))}<//>
      <${Figure} name=${t("ring.nodes")}>${t("ring.up", { up, all: all.length })}<//>
      <${Figure} name=${t("ring.replicas")}>${Object.entries(replication).map(([name, count]) => `${name} ${count}`).join(" · ")}<//>
      <${Figure} name=${t("ring.level")}><code>${level}</code><//>
    </div>
    <div class="picture">
      <${RingFigure} nodes=${all} ring=${ranges} shown=${shown} show=${show} row=${row} lost=${reading.gone} arcs=${arcs(activity, all)} />
      <p class="muted">${t("ring.help")}</p>
    </div>
    <${Where} tables=${known.find(({ name }) => name === table?.keyspace)?.tables ?? {}} nodes=${all} row=${row} place=${place} start=${id} />
    <section><h2>${t("ring.nodes")}</h2><${Nodes} nodes=${all} reading=${reading} shown=${shown} show=${show} /></section>
    ${activity.length > 0 && html`<${Peers} activity=${activity} nodes=${all} /><${Work} activity=${activity} nodes=${all} />`}
    ${may("GET", "/cluster/activity") && html`<p><a href="#/labs">${t("labs.link")}</a></p>`}`;
}
