// News by a stream of events, as the API is to send them: here from a door before it.
import assert from "node:assert/strict";
import { open } from "../browser.mjs";
import { proxy } from "../proxy.mjs";

/** @typedef {import("../run.mjs").Given} Given */
/** @typedef {import("node:http").ServerResponse} ServerResponse */

const AT_ONCE = { timeout: 2000 };

/** A door before the API that has the streams, too. @param {string} url */
async function withStreams(url) {
  const between = await proxy(url);
  /** @type {Record<string, Set<ServerResponse>>} */
  const open = { "/changes": new Set(), "/cluster/live": new Set() };
  /** @type {{ path: string, token: string | undefined, last: string | undefined }[]} */
  const asked = [];
  between.answers = (asks, answer, path) => {
    if (path === "/whoami") return "more";
    const stream = open[path];
    if (!stream) return undefined;
    asked.push({ path, token: asks.headers.authorization, last: /** @type {string | undefined} */ (asks.headers["last-event-id"]) });
    answer.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    answer.write(": here\n\n");
    stream.add(answer);
    answer.on("close", () => stream.delete(answer));
    return "done";
  };
  /** @param {"/changes" | "/cluster/live"} path @param {string} event @param {unknown} data @param {string} [id] */
  const tell = (path, event, data, id) => {
    const text = `${id ? `id: ${id}\n` : ""}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const answer of open[path]) answer.write(text);
  };
  const until = async (/** @type {() => boolean} */ so) => {
    for (let at = 0; !so(); at += 1) {
      if (at > 400) assert.fail("it did not come to that");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const end = () => {
    for (const stream of Object.values(open)) for (const answer of stream) answer.destroy();
    between.close();
  };
  return { between, open, asked, tell, until, end };
}

export async function aStockThatMovesIsShownByTheStream(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(10, "Streamed cup");
  const news = await withStreams(url);
  const { page, done } = await open(browser, news.between.url, { token: tokens.seller, at: "#/stock" });
  await page.getByLabel("Search", { exact: true }).fill("streamed cup");
  const row = page.getByRole("row", { name: /Streamed cup/ });
  await row.getByText("10", { exact: true }).waitFor();
  await news.until(() => news.open["/changes"].size === 1);
  assert.equal(news.asked[0].token, `Bearer ${tokens.seller}`, "the token is in a header");
  await store.call("POST", `/stocks/${product.id}/adjustments`, { delta: 7 });
  news.tell("/changes", "change", { kind: "stock", id: product.id, version: 2, at: "2026-12-01T00:00:00Z" }, "c-1");
  await row.getByText("17", { exact: true }).waitFor();
  for (const answer of news.open["/changes"]) answer.destroy();
  await news.until(() => news.asked.length === 2);
  assert.equal(news.asked[1].last, "c-1", "it goes on from the last event");
  await page.getByRole("link", { name: "Streamed cup" }).click();
  await page.getByText("version 2").waitFor();
  await store.call("POST", `/stocks/${product.id}/adjustments`, { delta: -1, reason: "chipped" });
  news.tell("/changes", "change", { kind: "stock", id: product.id, version: 3, at: "2026-12-01T00:00:01Z" }, "c-2");
  await page.getByRole("cell", { name: "chipped" }).waitFor(AT_ONCE);
  await done();
  news.end();
}

export async function aNodesDeathComesByTheStreamAndAskingRests(/** @type {Given} */ { browser, url, tokens, store }) {
  const news = await withStreams(url);
  const { page, done } = await open(browser, news.between.url, { token: tokens.seller, at: "#/ring", expects: /./ });
  await page.getByText("7 of 7 up").waitFor();
  await news.until(() => news.open["/cluster/live"].size === 1);
  // What was asked before it came is answered.
  await page.waitForTimeout(500);
  const nodes = await store.call("GET", "/cluster/nodes");
  nodes[2].state = "DOWN";
  news.tell("/cluster/live", "nodes", nodes);
  await page.getByText("6 of 7 up").waitFor(AT_ONCE);
  const count = () => news.between.seen.filter((line) => line === "GET /cluster/nodes").length;
  const before = count();
  await page.waitForTimeout(2500);
  assert.equal(count(), before, "what comes by the stream is not asked for");
  assert.equal(await page.getByText("6 of 7 up").count(), 1);
  for (const answer of news.open["/cluster/live"]) answer.destroy();
  // Asking takes its place until it is back.
  await page.getByText("7 of 7 up").waitFor(AT_ONCE);
  await done();
  news.end();
}

export async function aHundredChangesASecondDoNotStallAPage(/** @type {Given} */ { browser, url, tokens, store }) {
  const lines = Array.from({ length: 10_000 }, (_, at) => `MANY-${process.pid}-${at},Crowded shelf ${at},1.00`);
  const form = { method: "POST", headers: { Authorization: `Bearer ${tokens.seller}`, "Content-Type": "text/csv" } };
  const answer = await fetch(`${url}/products/import`, { ...form, body: `sku,name,price\n${lines.join("\n")}\n` });
  assert.equal(answer.status, 200, await answer.text());
  const counts = lines.slice(0, 200).map((line) => `${line.split(",")[0]},5`);
  await fetch(`${url}/stocks/import?reference=many-${process.pid}`, { ...form, body: `sku,quantity\n${counts.join("\n")}\n` });
  const ids = (await store.call("GET", "/products?limit=100&name_prefix=crowded")).map((/** @type {{ id: string }} */ one) => one.id);
  const news = await withStreams(url);
  const { page, done } = await open(browser, news.between.url, { token: tokens.seller, at: "#/stock" });
  await page.getByLabel("Search", { exact: true }).fill("crowded shelf");
  await page.getByRole("link", { name: /Crowded shelf/ }).nth(24).waitFor();
  // Forty-nine others look at the same.
  const stop = new AbortController();
  const others = Array.from({ length: 49 }, () => fetch(`${news.between.url}/changes`, { headers: form.headers, signal: stop.signal }).catch(() => null));
  await news.until(() => news.open["/changes"].size === 50);
  await page.evaluate(() => {
    const tasks = /** @type {number[]} */ ([]);
    /** @type {any} */ (window).tasks = tasks;
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
  });
  for (let at = 0; at < 500; at += 1) {
    news.tell("/changes", "change", { kind: "stock", id: ids[at % ids.length], version: at, at: "2026-12-01T00:00:00Z" }, `m-${at}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const tasks = /** @type {number[]} */ (await page.evaluate(() => /** @type {any} */ (window).tasks));
  const longest = Math.round(Math.max(0, ...tasks));
  console.log(`   longest task ${longest} ms beside 50 viewers of 100 changes a second and 10,000 products`);
  assert.ok(longest <= 100, tasks.join());
  const asked = news.between.seen.filter((line) => line === "POST /stocks/graphql-query").length;
  assert.ok(asked < 20, `${asked} questions for 500 changes`);
  stop.abort();
  await Promise.all(others);
  await done();
  news.end();
}
