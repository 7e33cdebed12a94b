// News as they come: one stream of events for each address, for all on the page that follow it. Read by fetch, since an
// EventSource cannot send a token. Where there is none its followers go on asking. An event `begun` is the page's own: what was
// before it may have been missed.
import { BASE, refuse, token } from "./api.js";
import { reader } from "./events.js";
import { signal } from "./html.js";

/** @typedef {{ event: string, data: any }} News */
/**
 * @typedef {object} Stream
 * @property {import("./vendor/signals.mjs").Signal<boolean>} up Whether news come by it now.
 * @property {Set<(news: News) => void>} followers
 * @property {string} last Id of the last event, from which the next one goes on.
 * @property {() => void} wake
 * @property {AbortController | null} open
 */

/** Pauses between tries, in milliseconds; after the last one it is tried at that pace. */
const PAUSES = [500, 1000, 2000, 5000, 15_000];
/** Without a word for so long nobody is there: the API sends a comment well within it. */
const SILENCE = 45_000;

/** @type {Map<string, Stream>} */
const streams = new Map();

/** Reads one connection to its end. @param {string} path @param {Stream} stream @param {AbortController} stop @returns {Promise<"ended" | "none">} */
async function once(path, stream, stop) {
  const headers = new Headers({ Accept: "text/event-stream" });
  const sentWith = token.peek();
  if (sentWith) headers.set("Authorization", `Bearer ${sentWith}`);
  if (stream.last) headers.set("Last-Event-ID", stream.last);
  const response = await fetch(new URL(path.slice(1), BASE), { headers, signal: stop.signal, credentials: "omit", redirect: "error" });
  if (response.status === 401) refuse(sentWith);
  // Older than what is kept: it goes on from now.
  if (response.status === 410) stream.last = "";
  const known = response.headers.get("Content-Type")?.startsWith("text/event-stream");
  if (!response.ok || !response.body || !known) {
    await response.body?.cancel();
    return [404, 405, 406, 401, 403].includes(response.status) || response.ok ? "none" : "ended";
  }
  const texts = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const tell = (/** @type {News} */ news) => stream.followers.forEach((follower) => follower(news));
  const take = reader(({ id, event, data }) => {
    if (id !== null) stream.last = id;
    // As 410, while it is read.
    if (event === "gone") stream.last = "";
    else if (data) tell({ event, data: JSON.parse(data) });
  });
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(), SILENCE);
  };
  try {
    heard();
    stream.up.value = true;
    if (!stream.last) tell({ event: "begun", data: null });
    for (let part = await texts.read(); !part.done; part = await texts.read()) {
      heard();
      take(part.value);
    }
  } finally {
    clearTimeout(timer);
    stream.up.value = false;
  }
  return "ended";
}

/** Keeps it open while somebody follows it and the page is seen. @param {string} path @param {Stream} stream */
async function keep(path, stream) {
  for (let failures = 0; stream.followers.size; failures += 1) {
    if (document.hidden) return;
    const stop = new AbortController();
    stream.open = stop;
    const began = Date.now();
    const ended = await once(path, stream, stop).catch(() => "ended");
    stream.open = null;
    if (ended === "none") return;
    // What held for a while has worked.
    if (Date.now() - began > 5000) failures = 0;
    const pause = PAUSES[Math.min(failures, PAUSES.length - 1)];
    await new Promise((resolve) => setTimeout(resolve, pause * (0.75 + Math.random() / 2)));
  }
}

/** @param {string} path @returns {Stream} */
function streamOf(path) {
  const had = streams.get(path);
  if (had) return had;
  let running = false;
  /** @type {Stream} */
  const stream = {
    up: signal(false), followers: new Set(), last: "", open: null,
    wake: () => {
      if (running || !stream.followers.size) return;
      running = true;
      keep(path, stream).finally(() => (running = false));
    },
  };
  // A page that nobody sees holds no connection: a browser has six to a host for all its tabs.
  document.addEventListener("visibilitychange", () => (document.hidden ? stream.open?.abort() : stream.wake()));
  // Another viewer may not hear what this one may.
  token.subscribe(() => {
    stream.last = "";
    stream.open?.abort();
  });
  streams.set(path, stream);
  return stream;
}

/**
 * Follows a stream until the function that comes back is called.
 * @param {string} path
 * @param {(news: News) => void} follower
 */
export function follow(path, follower) {
  const stream = streamOf(path);
  stream.followers.add(follower);
  stream.wake();
  return () => {
    stream.followers.delete(follower);
    // The next screen may follow it, too.
    setTimeout(() => stream.followers.size || stream.open?.abort(), 1000);
  };
}

/** Whether news come by it now, so that nobody need ask. @param {string} path */
export const isLive = (path) => streamOf(path).up;
