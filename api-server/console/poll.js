// What is asked again and again while somebody looks. A stream of events may take the place of this one day: its callers know
// nothing of how news come.
import { useEffect, useRef, useState } from "./html.js";
import { send } from "./api.js";

/**
 * @template T
 * @typedef {{ value: T | null, etag: string | null, status: number | null, at: number, again: () => void }} Live
 * The last good answer stays while others fail; `status` is that of the last one, 0 where none came, and `at` when the
 * last good one did.
 */

/**
 * Asks for `path` every `period` milliseconds while the page is seen, the next time only after the last answer.
 * @template T
 * @param {string} path
 * @param {number} period
 * @param {import("./types").Ask["query"]} [query]
 * @returns {Live<T>}
 */
export function useLive(path, period, query) {
  const [live, set] = useState(/** @type {Omit<Live<T>, "again">} */ ({ value: null, etag: null, status: null, at: 0 }));
  const wake = useRef(() => {});
  const asked = JSON.stringify([path, query]);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    let first = true;
    let busy = false;
    const next = async () => {
      clearTimeout(timer);
      if (busy || stop.signal.aborted) return;
      if (document.hidden && !first) return;
      busy = true;
      /** @type {import("./types").Answer<T>} */
      const answer = await send({ method: "GET", path, query, quiet: !first }, stop.signal);
      busy = false;
      if (stop.signal.aborted) return;
      first = false;
      const { status, etag } = answer;
      set((had) => answer.ok ? { value: answer.body, etag, status, at: Date.now() } : { ...had, status });
      if (!stop.signal.aborted) timer = setTimeout(next, period);
    };
    wake.current = next;
    set({ value: null, etag: null, status: null, at: 0 });
    document.addEventListener("visibilitychange", next);
    next();
    return () => {
      stop.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", next);
    };
  }, [asked, period]);
  return { ...live, again: () => wake.current() };
}
