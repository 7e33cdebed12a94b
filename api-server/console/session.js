// Who looks, and what they may do: the API's own table of roles, asked once for each token.
import { signal } from "./html.js";
import { send } from "./api.js";

/** @typedef {import("./types").Viewer} Viewer */

/** `null` until it is known. @type {import("./vendor/signals.mjs").Signal<Viewer | null>} */
export const viewer = signal(null);
/** Status of an answer that is none of a viewer; 0 while there is nothing to tell. */
export const unanswered = signal(-1);

/** Asks who looks. */
export async function learn() {
  viewer.value = null;
  unanswered.value = -1;
  /** @type {import("./types").Answer<Viewer>} */
  const answer = await send({ method: "GET", path: "/whoami", quiet: true });
  if (answer.body) viewer.value = answer.body;
  else if (answer.status !== 401) unanswered.value = answer.status;
}

/**
 * Whether the viewer may send this method to this pattern of a path.
 * @param {string} method
 * @param {string} pattern
 */
export const may = (method, pattern) =>
  viewer.value?.may.some(({ path, methods }) => path === pattern && methods.includes(method)) ?? false;
