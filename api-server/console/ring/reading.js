// What a ring and its nodes tell: what each keeps, and what survives. Pure.

/** @typedef {import("../types").ClusterNode} ClusterNode */
/** @typedef {import("../types").Ring} Ring */

const HALF = 2 ** 63;
const WHOLE = 2 ** 64;

/** Where a token lies on the ring, from 0 to 1. A double is exact enough to draw by. @param {string} token */
export const turn = (token) => (Number(token) + HALF) / WHOLE;

/** The part of the ring that a range is; one of a single token is all of it. @param {{ start: string, end: string }} range */
export const share = ({ start, end }) => {
  const length = Number(BigInt.asUintN(64, BigInt(end) - BigInt(start))) / WHOLE;
  return length === 0 ? 1 : length;
};

/** Replicas that must answer. @param {string} level @param {number} of Replicas that there are. */
export function required(level, of) {
  if (of === 0) return 0;
  if (/ONE$/.test(level)) return 1;
  if (level === "TWO") return 2;
  return level === "ALL" ? of : Math.floor(of / 2) + 1;
}

/**
 * The groups of replicas of a range of which each must have enough: those of each datacenter at a local level, since clients may
 * be in any, else all together.
 * @param {string[]} replicas
 * @param {Map<string, ClusterNode>} nodes
 * @param {string} level
 * @returns {string[][]}
 */
function groups(replicas, nodes, level) {
  if (!level.startsWith("LOCAL_")) return [replicas];
  /** @type {Map<string, string[]>} */
  const byPlace = new Map();
  for (const id of replicas) {
    const place = nodes.get(id)?.datacenter ?? "";
    byPlace.set(place, [...(byPlace.get(place) ?? []), id]);
  }
  return [...byPlace.values()];
}

/**
 * @typedef {object} Reading
 * @property {number} margin Nodes that may go down besides, whichever they are, before a row is not served; below 0 one is not.
 * @property {number} lost The part of the rows that is not served now, in one datacenter at least.
 * @property {Set<string>} gone The ranges that these are in, by their ends.
 * @property {Map<string, { keeps: number, first: number, cost: number }>} by Of each node, by its id: the part of the ring that
 *   it keeps, of which it is the first replica, and that would not be served any more without it.
 */

/**
 * What survives at a level.
 * @param {ClusterNode[]} nodes
 * @param {Ring} ring
 * @param {string} level
 * @returns {Reading}
 */
export function read(nodes, ring, level) {
  const known = new Map(nodes.map((node) => [node.host_id, node]));
  const up = (/** @type {string} */ id) => known.get(id)?.state === "UP";
  const by = new Map(nodes.map((node) => [node.host_id, { keeps: 0, first: 0, cost: 0 }]));
  let margin = Infinity;
  let lost = 0;
  /** @type {Set<string>} */
  const gone = new Set();
  for (const range of ring.ranges) {
    const part = share(range);
    range.replicas.forEach((id, at) => {
      const of = by.get(id);
      if (!of) return;
      of.keeps += part;
      if (at === 0) of.first += part;
    });
    const spare = groups(range.replicas, known, level).map((ids) => {
      const alive = ids.filter(up);
      return { alive, left: alive.length - required(level, ids.length) };
    });
    margin = Math.min(margin, ...spare.map(({ left }) => left));
    if (spare.some(({ left }) => left < 0)) {
      lost += part;
      gone.add(range.end);
      continue;
    }
    const needed = new Set(spare.filter(({ left }) => left === 0).flatMap(({ alive }) => alive));
    for (const id of needed) {
      const of = by.get(id);
      if (of) of.cost += part;
    }
  }
  return { margin: Number.isFinite(margin) ? margin : 0, lost, gone, by };
}

/**
 * Where nodes stand around the ring, from 0 to 1: at their token where each has one, else evenly by datacenter and rack, since
 * many tokens have no one place.
 * @param {ClusterNode[]} nodes
 * @returns {Map<string, number>}
 */
export function places(nodes) {
  if (nodes.length > 1 && nodes.every((node) => node.tokens.length === 1)) {
    return new Map(nodes.map((node) => [node.host_id, turn(node.tokens[0])]));
  }
  const key = (/** @type {ClusterNode} */ node) => `${node.datacenter}\u0000${node.rack}\u0000${node.address}`;
  const sorted = [...nodes].sort((a, b) => key(a).localeCompare(key(b)));
  return new Map(sorted.map((node, at) => [node.host_id, (at + 0.5) / sorted.length]));
}
