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

/**
 * Starts one.
 * @param {string} api
 * @param {string} [prefix] Such as /shop; it is taken off.
 */
export async function proxy(api, prefix = "") {
  /**
   * `answers`: what the door answers itself (`done`), or tells more of than the API does (`more`: that the streams may be asked for).
   * @type {{ url: string, seen: string[], fault: (method: string, path: string) => Fault, close: () => void,
   *   answers: (asked: import("node:http").IncomingMessage, answer: import("node:http").ServerResponse, path: string) => "done" | "more" | undefined }}
   */
  const made = { url: "", seen: [], fault: () => undefined, answers: () => undefined, close: () => server.close() };
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
    const answers = made.answers(asked, answer, path);
    if (answers === "done") return;
    const headers = { ...asked.headers, "x-forwarded-prefix": prefix };
    const on = request(api + path, { method, headers }, (come) => {
      if (fault === "lose") {
        come.resume().on("end", () => asked.socket.destroy());
        return;
      }
      if (answers !== "more" || come.statusCode !== 200) {
        answer.writeHead(come.statusCode ?? 502, come.headers);
        return come.pipe(answer);
      }
      /** @type {Buffer[]} */
      const parts = [];
      come.on("data", (part) => parts.push(part)).on("end", () => {
        const told = JSON.parse(Buffer.concat(parts).toString());
        for (const path of ["/changes", "/cluster/live"]) {
          if (!told.may.some((/** @type {any} */ one) => one.path === path)) told.may.push({ path, methods: ["GET"] });
        }
        answer.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(told));
      });
    });
    on.on("error", () => asked.socket.destroy());
    asked.pipe(on);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  made.url = `http://127.0.0.1:${address.port}${prefix}`;
  return made;
}
