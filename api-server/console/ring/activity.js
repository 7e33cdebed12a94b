// What the nodes tell of each other and of their work. Pure.

/** @typedef {import("../types").NodeActivity} NodeActivity */
/** @typedef {import("../types").ClusterNode} ClusterNode */
/** @typedef {{ from: string, to: string, kind: "hint" | "stream" | "repair", name: string }} Arc Between nodes, by their ids. */

/** Gossip comes each second, and over a few peers: a heartbeat that has stood still for so long was not heard of. */
export const SILENT_MS = 10_000;

/** An address without slash, port and brackets, as Cassandra writes peers. @param {string} text */
export const bare = (text) => text.replace(/^.*\//, "").replace(/^\[(.*)\](:\d+)?$/, "$1").replace(/^([^:]+):\d+$/, "$1");

/**
 * What moves between nodes: hints that wait for one, and what streams, each once, though both its ends tell of it.
 * @param {NodeActivity[]} activity
 * @param {ClusterNode[]} nodes
 * @returns {Arc[]}
 */
export function arcs(activity, nodes) {
  const byAddress = new Map(nodes.map((node) => [node.address, node.host_id]));
  /** @type {Map<string, Arc>} */
  const found = new Map();
  for (const node of activity) {
    for (const hint of node.hints) {
      if (hint.files > 0) found.set(`hint ${node.host_id} ${hint.host_id}`, { from: node.host_id, to: hint.host_id, kind: "hint", name: String(hint.files) });
    }
    for (const stream of node.streams) {
      if (isOver(stream.status)) continue;
      for (const peer of stream.peers) {
        const other = byAddress.get(bare(peer));
        if (!other || other === node.host_id) continue;
        const comes = stream.bytes_to_receive > stream.bytes_to_send;
        const [from, to] = comes ? [other, node.host_id] : [node.host_id, other];
        const kind = /repair/i.test(stream.operation) ? "repair" : "stream";
        found.set(`${stream.id} ${from} ${to}`, { from, to, kind, name: stream.operation });
      }
    }
  }
  return [...found.values()];
}

/** A stream is told of for a while after its end. @param {string} status */
export const isOver = (status) => /^(success|failure|complete|failed)/i.test(status);

/**
 * How one node sees another: the word of gossip, and whether it hears of it.
 * @param {NodeActivity} observer
 * @param {ClusterNode} subject
 * @returns {{ status: string, silent: boolean } | null}
 */
export function seen(observer, subject) {
  const peer = observer.peers.find(({ host_id, address }) => host_id === subject.host_id || address === subject.address);
  if (!peer) return null;
  return { status: peer.status ?? "?", silent: observer.host_id !== subject.host_id && (peer.silent_ms ?? 0) > SILENT_MS };
}

/** Copies that are not as the newest one is, by host id: those of a lower version, or without a row that others have. @param {import("../types").Copy[]} copies */
export function stale(copies) {
  const versions = copies.filter(({ rows }) => rows).map((copy) => ({ id: copy.host_id, of: versionOf(copy) }));
  const newest = Math.max(...versions.map(({ of }) => of));
  return new Set(versions.filter(({ of }) => of < newest).map(({ id }) => id));
}

/** The version of a row, -1 where there is none. @param {import("../types").Copy} copy */
export const versionOf = ({ rows }) => {
  const version = /** @type {any} */ (rows?.[0])?.version;
  return rows?.length ? Number(version ?? 0) : -1;
};
