// Two versions of one thing beside what both began with. Pure.

/** @typedef {Record<string, string>} Fields */

/**
 * What a person has to choose between: fields that they changed, and that are something else now. Pure.
 * @param {Fields} before What the form began with.
 * @param {Fields} mine
 * @param {Fields} theirs
 */
export const conflicts = (before, mine, theirs) =>
  Object.keys(mine).filter((name) => mine[name] !== before[name] && mine[name] !== theirs[name]);
