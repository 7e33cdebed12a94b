// A proxy before the API: below a prefix, and losing answers as networks do. Loopback alone.
import { createServer, request } from "node:http";

/**
 * @typedef {"lose" | "drop" | "503" | "401" | undefined} Fault
 * `lose`: the API does it, and its answer is lost. `drop`: the request never gets there.
 */
const PROBLEMS = {
  503: { "Content-Type": "application/problem+json", "Retry-After": "1" },
  401: { "Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer" },
};

/** @typedef {{ path: string, token: string | undefined, last: string | undefined, socket: import("node:net").Socket, isOpen: boolean }} Streamed */

/**
 * Starts one.
 * @param {string} api
 * @param {string} [prefix] Such as /shop; it is taken off.
 */
export async function proxy(api, prefix = "") {
  /**
   * `streams`: those of events that were asked for, the last one last. `cut`: breaks off those that are open.
   * @type {{ url: string, seen: string[], fault: (method: string, path: string) => Fault, close: () => void, streams: Streamed[], cut: () => void }}
   */
  const made = {
    url: "", seen: [], streams: [], fault: () => undefined, close: () => server.close(),
    cut: () => made.streams.forEach(({ socket }) => socket.destroy()),
  };
  const server = createServer((asked, answer) => {
    const { method = "GET", url = "/" } = asked;
    if (!url.startsWith(prefix)) return answer.writeHead(404).end();
    const path = url.slice(prefix.length);
    made.seen.push(`${method} ${path}`);
    const fault = made.fault(method, path);
    if (fault === "drop") return asked.socket.destroy();
    if (fault === "503" || fault === "401") {
      const detail = `a ${fault} of the test`;
      const body = { type: "about:blank", title: fault, status: Number(fault), detail, error: detail, errors: [], request_id: "x" };
      return answer.writeHead(Number(fault), PROBLEMS[fault]).end(JSON.stringify(body));
    }
    const headers = { ...asked.headers, "x-forwarded-prefix": prefix };
    const on = request(api + path, { method, headers }, (come) => {
      if (fault === "lose") {
        come.resume().on("end", () => asked.socket.destroy());
        return;
      }
      if (come.headers["content-type"] === "text/event-stream") {
        const stream = { path, token: headers.authorization, last: /** @type {string | undefined} */ (asked.headers["last-event-id"]), socket: asked.socket, isOpen: true };
        made.streams.push(stream);
        answer.on("close", () => {
          stream.isOpen = false;
          on.destroy();
        });
      }
      answer.writeHead(come.statusCode ?? 502, come.headers);
      come.pipe(answer);
    });
    on.on("error", () => asked.socket.destroy());
    asked.pipe(on);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  made.url = `http://127.0.0.1:${address.port}${prefix}`;
  return made;
}
