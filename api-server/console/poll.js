// What stays as it is in the store while somebody looks: by a stream of events where the API has one, else asked for again and again.
import { useEffect, useRef, useState } from "./html.js";
import { send, signedIn } from "./api.js";
import { may } from "./session.js";
import { follow, isLive } from "./stream.js";

/**
 * @template T
 * @typedef {{ value: T | null, etag: string | null, status: number | null, at: number, again: () => void }} Live
 * The last good answer stays while others fail; `status` is that of the last one, 0 where none came, and `at` when the
 * last good one did.
 */

/** The stream that tells of what changes in the store. */
export const CHANGES = "/changes";
/** With news by a stream it is still asked for, seldom: what a stream had lost would show. */
const SELDOM = 60_000;

/**
 * Asks for `path` every `period` milliseconds while the page is seen, the next time only after the last answer.
 * @template T
 * @param {string} path
 * @param {number} period
 * @param {import("./types").Ask["query"]} [query]
 * @param {{ path: string, event?: string }} [stream] A stream whose events are what `path` answers; without the name of an event
 *   one by which somebody else learns that it is to be asked for again.
 * @returns {Live<T>}
 */
export function useLive(path, period, query, stream) {
  const [live, set] = useState(/** @type {Omit<Live<T>, "again">} */ ({ value: null, etag: null, status: null, at: 0 }));
  const wake = useRef(() => {});
  const asked = JSON.stringify([path, query, stream]);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    let first = true;
    let busy = false;
    let once = false;
    let heard = 0;
    const streams = stream !== undefined && may("GET", stream.path);
    const next = async () => {
      clearTimeout(timer);
      if (busy) once = true;
      if (busy || stop.signal.aborted) return;
      // Who has signed out is still on the screen for a moment.
      if ((document.hidden && !first) || !signedIn.peek()) return;
      busy = true;
      once = false;
      const began = performance.now();
      /** @type {import("./types").Answer<T>} */
      const answer = await send({ method: "GET", path, query, quiet: !first }, stop.signal);
      busy = false;
      if (stop.signal.aborted) return;
      first = false;
      const { status, etag } = answer;
      // What came by the stream meanwhile is newer.
      if (heard < began) set((had) => answer.ok ? { value: answer.body, etag, status, at: Date.now() } : { ...had, status });
      const rest = streams && isLive(stream.path).peek() ? SELDOM : period;
      if (!stop.signal.aborted) timer = setTimeout(next, once ? 0 : rest);
    };
    wake.current = next;
    set({ value: null, etag: null, status: null, at: 0 });
    document.addEventListener("visibilitychange", next);
    next();
    const leave = streams ? follow(stream.path, ({ event, data }) => {
      if (event !== stream.event) return;
      heard = performance.now();
      set((had) => ({ ...had, value: data, status: 200, at: Date.now() }));
    }) : () => {};
    // Where it ends, asking takes its place at once.
    const watch = streams ? isLive(stream.path).subscribe((up) => {
      if (first) return;
      if (!up) return void next();
      clearTimeout(timer);
      timer = setTimeout(next, SELDOM);
    }) : () => {};
    return () => {
      stop.abort();
      clearTimeout(timer);
      leave();
      watch();
      document.removeEventListener("visibilitychange", next);
    };
  }, [asked, period]);
  return { ...live, again: () => wake.current() };
}

/** @typedef {import("./types").Change} Change */

/**
 * Tells of changes in the store, at most once in `rest` milliseconds the last one of each thing that came meanwhile, or `null` where
 * some may have been missed. Of nothing where the viewer may not know of them.
 * @param {Change["kind"]} kind
 * @param {(changes: Map<string, Change> | null) => void} then
 * @param {number} [rest]
 */
export function useChanges(kind, then, rest = 500) {
  const at = useRef(then);
  at.current = then;
  useEffect(() => {
    if (!may("GET", CHANGES)) return;
    /** @type {Map<string, Change> | null} */
    let changes = new Map();
    let timer = 0;
    const leave = follow(CHANGES, ({ event, data }) => {
      if (event === "begun") changes = null;
      else if (event !== kind) return;
      // A version may come again, and after a later one.
      else if ((changes?.get(data.id)?.version ?? 0) < data.version) changes?.set(data.id, data);
      timer ||= setTimeout(() => {
        const all = changes;
        changes = new Map();
        timer = 0;
        at.current(all);
      }, rest);
    });
    return () => {
      leave();
      clearTimeout(timer);
    };
  }, [kind]);
}
