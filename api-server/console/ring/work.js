// What the nodes tell, as tables: how each sees the others, and what is under way between and on them.
import { html } from "../html.js";
import { number, percent, t, time } from "../text/text.js";
import { bare, isOver, seen } from "./activity.js";

/** @typedef {import("../types").NodeActivity} NodeActivity */
/** @typedef {{ activity: NodeActivity[], nodes: import("../types").ClusterNode[] }} Given */

/** @param {Given} given */
export function Peers({ activity, nodes }) {
  return html`
    <section>
      <h2>${t("peers")}</h2>
      <p class="muted">${t("peers.lead")}</p>
      <div class="scroll">
        <table>
          <thead><tr><th scope="col">${t("peers.observer")}</th>${nodes.map((node) => html`<th key=${node.host_id} scope="col"><code>${node.address}</code></th>`)}</tr></thead>
          <tbody>
            ${activity.map((observer) => html`
              <tr key=${observer.host_id}>
                <th scope="row"><code>${observer.address}</code></th>
                ${observer.detail !== null
                  ? html`<td colspan=${nodes.length} class="muted">${observer.detail}</td>`
                  : nodes.map((node) => {
                    const of = seen(observer, node);
                    return html`<td key=${node.host_id} class=${!of || of.silent ? "bad" : of.status === "NORMAL" ? "" : "warn"}>
                      ${of ? of.status : t("peers.unknown")}${of?.silent && ` · ${t("peers.silent")}`}</td>`;
                  })}
              </tr>`)}
          </tbody>
        </table>
      </div>
    </section>`;
}

/** @param {number} bytes */
const mib = (bytes) => `${number(Math.round(bytes / 104857.6) / 10)} MiB`;

/** @param {Given} given */
export function Work({ activity, nodes }) {
  const names = new Map(nodes.map((node) => [node.host_id, node.address]));
  const rows = activity.flatMap(({ address, hints, streams, tasks, outbound }) => [
    ...hints.filter(({ files }) => files > 0).map((hint) =>
      ["hint", address, names.get(hint.host_id) ?? hint.address ?? hint.host_id, t("work.files", { n: hint.files }), hint.oldest ? t("work.oldest", { time: time(hint.oldest) }) : ""]),
    ...streams.filter(({ status }) => !isOver(status)).map((one) =>
      ["stream", address, one.peers.map(bare).join(", "), one.operation, `${percent(one.percent / 100)} · ${mib(one.bytes_sent + one.bytes_received)}`]),
    ...tasks.map((task) =>
      ["task", address, "", `${task.kind} ${task.keyspace}.${task.table}`, task.total > 0 ? percent(task.progress / task.total) : ""]),
    ...outbound.filter(({ pending, expired }) => pending > 0 || expired > 0).map((out) =>
      ["outbound", address, out.address, t("work.pending", { n: out.pending }), t("work.expired", { n: out.expired })]),
  ]);
  return html`
    <section>
      <h2>${t("work")}</h2>
      ${rows.length === 0 ? html`<p class="empty">${t("work.none")}</p>` : html`
        <div class="scroll">
          <table>
            <thead><tr>${["kind", "node", "peer", "what", "far"].map((name) => html`<th key=${name} scope="col">${t(`work.${name}`)}</th>`)}</tr></thead>
            <tbody>${rows.map(([kind, node, peer, what, far]) => html`
              <tr><th scope="row">${t(`work.kind.${kind}`)}</th><td><code>${node}</code></td><td><code>${peer}</code></td><td>${what}</td><td>${far}</td></tr>`)}</tbody>
          </table>
        </div>`}
    </section>`;
}
