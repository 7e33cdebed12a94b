// One way to the API: every request of the console goes through here.
import { computed, signal } from "./html.js";

/** @typedef {import("./types").Ask} Ask */
/** @template T @typedef {import("./types").Answer<T>} Answer */
/** @typedef {{ ask: Ask, status: number, level: string | null, coordinator: string | null, ms: number }} Told */

/** The page is at `…/console`, the API beside it, behind whatever prefix. */
export const BASE = new URL(".", document.baseURI);
const KEY = "store.token";
/** Beyond the API's own deadline and that of what stands before it, nothing comes any more. */
const PATIENCE = 30_000;

export const tokenNeeded = document.documentElement.dataset.token === "needed";
export const token = signal(sessionStorage.getItem(KEY) ?? "");
/** The token was taken once and is not any more. */
export const refused = signal(false);
/** How the last request was answered, but for those that are quiet. @type {import("./vendor/signals.mjs").Signal<Told | null>} */
export const lastTold = signal(null);
export const signedIn = computed(() => !tokenNeeded || token.value !== "");

/** @param {string} text */
export function signIn(text) {
  refused.value = false;
  sessionStorage.setItem(KEY, text);
  token.value = text;
}

export function signOut() {
  sessionStorage.clear();
  token.value = "";
}

/** The token that was sent is none, or no longer one. @param {string} sentWith */
export function refuse(sentWith) {
  if (sentWith !== token.peek()) return;
  refused.value = true;
  signOut();
}

/** @param {Ask["query"]} query */
const written = (query) => {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  return given.length ? "?" + new URLSearchParams(given.map(([name, value]) => [name, String(value)])) : "";
};

/** @param {string | null} link */
const cursorOf = (link) => link && new URLSearchParams(/\?([^>]*)>; rel="next"/.exec(link)?.[1]).get("cursor");

/**
 * Sends a request. Never throws: a status of 0 says that no answer came.
 * @template T
 * @param {Ask} ask
 * @param {AbortSignal} [stop]
 * @returns {Promise<Answer<T>>}
 */
export async function send(ask, stop) {
  const headers = new Headers({ Accept: "application/json" });
  const sentWith = token.peek();
  if (sentWith) headers.set("Authorization", `Bearer ${sentWith}`);
  if (ask.body !== undefined) headers.set("Content-Type", "application/json");
  if (ask.file) headers.set("Content-Type", "text/csv");
  if (ask.download) headers.set("Accept", "text/csv");
  if (ask.prefer) headers.set("Prefer", ask.prefer);
  if (ask.trace) headers.set("Cassandra-Trace", "true");
  if (ask.key) headers.set("Idempotency-Key", ask.key);
  if (ask.ifMatch) headers.set("If-Match", ask.ifMatch);
  const began = performance.now();
  // A whole file may come or go for as long as it takes.
  const late = ask.file || ask.download ? new AbortController().signal : AbortSignal.timeout(PATIENCE);
  try {
    const response = await fetch(new URL(ask.path.slice(1) + written(ask.query), BASE), {
      method: ask.method,
      headers,
      body: ask.file ?? (ask.body === undefined ? undefined : JSON.stringify(ask.body)),
      signal: stop ? AbortSignal.any([stop, late]) : late,
      credentials: "omit",
      redirect: "error",
    });
    const { status, ok } = response;
    const file = ok && ask.download ? await response.blob() : null;
    const text = file ? "" : await response.text();
    const read = text ? JSON.parse(text) : null;
    if (!ask.quiet) tell(ask, status, response.headers, performance.now() - began);
    if (status === 401) refuse(sentWith);
    return {
      status, ok,
      body: ok ? read : null,
      problem: ok ? null : read,
      etag: response.headers.get("ETag"),
      next: cursorOf(response.headers.get("Link")),
      replayed: response.headers.get("Idempotency-Replayed") === "true",
      location: response.headers.get("Location"),
      trace: response.headers.get("Cassandra-Trace"),
      file,
    };
  } catch {
    // Broken off, no connection, or something on the way that does not speak JSON: what became of it is not known.
    if (!ask.quiet && !stop?.aborted) tell(ask, 0, new Headers(), performance.now() - began);
    return { status: 0, ok: false, body: null, problem: null, etag: null, next: null, replayed: false, location: null, trace: null, file: null };
  }
}

/**
 * @param {Ask} ask
 * @param {number} status
 * @param {Headers} headers
 * @param {number} ms
 */
function tell(ask, status, headers, ms) {
  const level = headers.get("Consistency-Level");
  const coordinator = headers.get("Cassandra-Coordinator");
  lastTold.value = { ask, status, level, coordinator, ms: Math.round(ms) };
}

/**
 * Reads.
 * @template T
 * @param {string} path
 * @param {Ask["query"]} [query]
 * @param {AbortSignal} [stop]
 * @returns {Promise<Answer<T>>}
 */
export const get = (path, query, stop) => send({ method: "GET", path, query }, stop);

/**
 * A question in GraphQL.
 * @param {string} query
 * @param {Record<string, unknown>} variables
 * @param {{ stop?: AbortSignal, quiet?: boolean }} [how]
 * @returns {Promise<Answer<{ data: any }>>}
 */
export const ask = (query, variables, { stop, quiet } = {}) =>
  send({ method: "POST", path: "/stocks/graphql-query", body: { query, variables }, quiet }, stop);
