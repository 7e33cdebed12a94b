// The questions of the labs, and their answers by what the API says. As tests/testbed/src/labs.rs, and held to the same cases. Pure.

/** @typedef {{ en: string, fr: string, look: string[], at?: string, only?: Record<string, unknown>, field?: string }} Question */

/** The part of a value that a path such as `rows.0.version` names. @param {any} value @param {string} path */
const inside = (value, path) => path.split(".").reduce((part, step) => part?.[step], value) ?? null;

/** @param {unknown} value */
const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** A word as it is compared: an address is the number of its node, which is its last part. @param {string} word */
function normal(word) {
  const known = word.trim().toLowerCase();
  return /^\d+\.\d+\.\d+\.(\d+)$/.exec(known)?.[1] ?? known;
}

/**
 * What the ring says, given what the API answered to each look.
 * @param {Question} question
 * @param {unknown[]} answers
 * @returns {string[]}
 */
export function answer({ at, only = {}, field }, answers) {
  const lists = answers.map((told) => (at ? inside(told, at) : told));
  const things = lists.flatMap((list) => list ?? []).filter((thing) =>
    Object.entries(only).every(([name, wanted]) => normal(plain(inside(thing, name))) === normal(plain(wanted))));
  return field ? things.map((thing) => plain(inside(thing, field))) : [String(things.length)];
}

const FILLERS = ["node", "nodes", "nœud", "nœuds", "and", "et"];

/** Whether somebody's answer is what the ring says: the same words in any order. @param {string} given @param {string[]} found */
export function isRight(given, found) {
  const set = (/** @type {string[]} */ words) => [...new Set(words.map(normal))].sort().join(" ");
  const words = given.split(/[\s,;]+/).map(normal).filter((word) => word && !FILLERS.includes(word));
  return found.length > 0 && set(words) === set(found);
}
