// Lists that come page by page.
import { useEffect, useState } from "./html.js";

/**
 * @template T
 * @typedef {{ rows: T[], next: string | null, status: number | null, problem: import("./types").Problem | null }} Page
 */

/**
 * The rows of a list so far, and how to have more. `read` is asked anew when `what` is another.
 * @template T
 * @param {string} what
 * @param {(cursor: string | undefined, stop: AbortSignal) => Promise<Page<T>>} read
 * @returns {Page<T> & { busy: boolean, more: () => void, again: () => void }}
 */
export function usePages(what, read) {
  /** @type {Page<T>} */
  const none = { rows: [], next: null, status: null, problem: null };
  const [page, set] = useState(none);
  const [turn, setTurn] = useState({ count: 0, cursor: /** @type {string | null} */ (null), of: what });
  const [busy, setBusy] = useState(true);
  const cursor = turn.of === what ? turn.cursor : null;
  useEffect(() => {
    const stop = new AbortController();
    setBusy(true);
    read(cursor ?? undefined, stop.signal).then((found) => {
      if (stop.signal.aborted) return;
      setBusy(false);
      set((had) => cursor === null ? found : { ...found, rows: [...had.rows, ...found.rows] });
    });
    return () => stop.abort();
  }, [what, turn.count, cursor]);
  return {
    ...page, busy,
    more: () => setTurn({ count: turn.count + 1, cursor: page.next, of: what }),
    again: () => setTurn({ count: turn.count + 1, cursor: null, of: what }),
  };
}

/**
 * @template T
 * @param {import("./types").Answer<T[]>} answer
 * @returns {Page<T>}
 */
export const pageOf = ({ body, next, status, problem }) => ({ rows: body ?? [], next, status, problem });

/**
 * A value that follows another one when that has rested for so many milliseconds.
 * @template T
 * @param {T} value
 * @param {number} [rest]
 */
export function useRested(value, rest = 250) {
  const [rested, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), rest);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}
