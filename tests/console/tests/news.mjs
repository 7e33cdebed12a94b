// News as they come, by the API's own streams of events; a proxy before it breaks them off.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { open, until } from "../browser.mjs";
import { proxy } from "../proxy.mjs";

/** @typedef {import("../run.mjs").Given} Given */

const AT_ONCE = { timeout: 2000 };
const ALL = /./;

/** A proxy, and what of the streams of an address. @param {string} url */
async function between(url) {
  const door = await proxy(url);
  const of = (/** @type {string} */ path) => door.streams.filter((stream) => stream.path === path);
  return { door, of, isOpen: (/** @type {string} */ path) => until(() => of(path).some(({ isOpen }) => isOpen)) };
}

export async function aStockThatMovesIsShownWithoutAsking(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(10, "Streamed cup");
  const { door, of, isOpen } = await between(url);
  const { page, done } = await open(browser, door.url, { token: tokens.seller, at: "#/stock", expects: ALL });
  await page.getByLabel("Search", { exact: true }).fill("streamed cup");
  const row = page.getByRole("row", { name: /Streamed cup/ });
  await row.getByText("10", { exact: true }).waitFor();
  await isOpen("/changes");
  assert.equal(of("/changes")[0].token, `Bearer ${tokens.seller}`, "the token is in a header");
  const asked = () => door.seen.filter((line) => line.startsWith("POST")).length;
  // What was before the stream began is read once more.
  await page.waitForTimeout(700);
  const before = asked();
  await store.call("POST", `/stocks/${product.id}/adjustments`, { delta: 7 });
  await row.getByText("17", { exact: true }).waitFor(AT_ONCE);
  assert.equal(asked(), before, "the event says how many there are");
  // While it is broken off nothing is lost.
  door.cut();
  await store.call("POST", `/stocks/${product.id}/adjustments`, { delta: 3 });
  await row.getByText("20", { exact: true }).waitFor();
  assert.match(of("/changes").at(-1)?.last ?? "", /^\d+-\d+$/, "it goes on where it was");
  await page.getByRole("link", { name: "Streamed cup" }).click();
  await page.getByText("version 3").waitFor();
  await store.call("POST", `/stocks/${product.id}/adjustments`, { delta: -1, reason: "chipped" });
  await page.getByRole("cell", { name: "chipped" }).waitFor(AT_ONCE);
  const reads = () => door.seen.filter((line) => line === `GET /stocks/${product.id}`).length;
  const rests = reads();
  await page.waitForTimeout(2500);
  assert.equal(reads(), rests, "what comes by the stream is not asked for");
  await done();
  door.close();
}

export async function aStreamThatWasSilentGoesOnWhereItWas(/** @type {Given} */ { browser, url, tokens, store }) {
  const { door, of, isOpen } = await between(url);
  const { page, done } = await open(browser, door.url, { token: tokens.seller, at: "#/orders", expects: ALL });
  await isOpen("/changes");
  await page.getByRole("heading", { name: "Orders" }).waitFor();
  door.fault = (_, path) => (path === "/changes" ? "drop" : undefined);
  door.cut();
  const product = await store.product(4, "Quiet bell");
  const [user] = await store.call("GET", "/users?limit=1");
  const order = await store.call("POST", "/orders", { user_id: user.id, items: [{ product_id: product.id, quantity: 1 }] });
  door.fault = () => undefined;
  await page.locator(`a[href="#/orders/${order.id}"]`).waitFor();
  assert.match(of("/changes").at(-1)?.last ?? "", /^\d+-\d+$/, "an id without an event counts");
  await done();
  door.close();
}

export async function whereChangesAreNoLongerKeptAllIsReadAnew(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(1, "Ancient urn");
  const { door, isOpen } = await between(url);
  const { page, done } = await open(browser, door.url, { token: tokens.seller, expects: ALL });
  // The API tells it of a position beyond the end of its feed.
  await page.route("**/changes", (route) => route.continue({ headers: { ...route.request().headers(), "last-event-id": "999999999-0" } }), { times: 1 });
  await page.goto(`${door.url}/console#/stock`);
  await page.getByLabel("Search", { exact: true }).fill("ancient urn");
  const row = page.getByRole("row", { name: /Ancient urn/ });
  await row.getByText("1", { exact: true }).waitFor();
  await isOpen("/changes");
  assert.ok(door.seen.filter((line) => line === "GET /changes").length >= 2, "the first one is 410");
  await store.call("POST", `/stocks/${product.id}/adjustments`, { delta: 1 });
  await row.getByText("2", { exact: true }).waitFor(AT_ONCE);
  await done();
  door.close();
}

export async function aNodesDeathComesByTheStreamAndAskingRests(/** @type {Given} */ { browser, url, tokens, down }) {
  const { door, isOpen } = await between(url);
  const { page, done } = await open(browser, door.url, { token: tokens.seller, at: "#/ring", expects: ALL });
  await page.getByText("7 of 7 up").waitFor();
  await isOpen("/cluster/live");
  // What was asked before it came is answered.
  await page.waitForTimeout(500);
  const count = () => door.seen.filter((line) => line === "GET /cluster/nodes").length;
  const before = count();
  await down("10.0.1.12");
  await page.getByText("6 of 7 up").waitFor(AT_ONCE);
  await page.waitForTimeout(2500);
  assert.equal(count(), before, "what comes by the stream is not asked for");
  door.fault = (_, path) => (path === "/cluster/live" ? "drop" : undefined);
  door.cut();
  await down();
  // Asking takes its place until it is back.
  await page.getByText("7 of 7 up").waitFor(AT_ONCE);
  assert.ok(count() > before);
  await done();
  door.close();
}

export async function whatSomebodyTypesStaysWhateverComes(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(1, "Plain vase");
  const { door, isOpen } = await between(url);
  const { page, done } = await open(browser, door.url, { token: tokens.seller, at: `#/products/${product.id}`, expects: ALL });
  const field = (/** @type {string} */ name) => page.getByLabel(name, { exact: true });
  await field("Name").waitFor();
  await isOpen("/changes");
  // Nothing was typed: it is what it is now.
  await store.call("PATCH", `/products/${product.id}`, { brand: "Kestrel" });
  await page.waitForFunction(() => [...document.querySelectorAll("input")].some(({ value }) => value === "Kestrel"), null, AT_ONCE);
  await field("Name").fill("My vase");
  await field("Price").focus();
  await store.call("PATCH", `/products/${product.id}`, { name: "Their vase", category: "hall" });
  await page.getByText("What you have typed is kept.").waitFor(AT_ONCE);
  assert.deepEqual(await Promise.all(["Name", "Brand", "Category"].map((name) => field(name).inputValue())), ["My vase", "Kestrel", "kitchen"]);
  assert.ok(await field("Price").evaluate((one) => one === document.activeElement), "and the focus stays");
  await page.getByRole("button", { name: "Compare" }).click();
  const dialog = page.getByRole("dialog", { name: "Somebody was quicker" });
  await dialog.getByText("Their vase").waitFor();
  await dialog.getByText("hall").waitFor();
  await dialog.getByRole("button", { name: "Save this" }).click();
  await page.getByText("Version 4.").waitFor();
  const now = await store.call("GET", `/products/${product.id}`);
  assert.deepEqual([now.name, now.brand, now.category], ["My vase", "Kestrel", "hall"]);
  await done();
  door.close();
}

/** Seconds that the process of the API has computed for, with all that the test does in it. */
async function computed() {
  const fields = (await readFile(`/proc/${process.ppid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export async function aHundredChangesASecondDoNotStallAPage(/** @type {Given} */ { browser, url, tokens, store }) {
  const [PRODUCTS, MOVED, SECONDS, ASECOND, VIEWERS] = [10_000, 25, 5, 100, 50];
  const lines = Array.from({ length: PRODUCTS }, (_, at) => `MANY-${process.pid}-${at},Crowded shelf ${at},1.00`);
  const form = { method: "POST", headers: { Authorization: `Bearer ${tokens.seller}`, "Content-Type": "text/csv" } };
  const answer = await fetch(`${url}/products/import`, { ...form, body: `sku,name,price\n${lines.join("\n")}\n` });
  assert.equal(answer.status, 200, await answer.text());
  const { door } = await between(url);
  const { page, done } = await open(browser, door.url, { token: tokens.seller, at: "#/stock" });
  await page.getByLabel("Search", { exact: true }).fill("crowded shelf");
  const links = page.getByRole("link", { name: /Crowded shelf/ });
  await links.nth(MOVED - 1).waitFor();
  const ids = await links.evaluateAll((all) => all.map((one) => one.getAttribute("href")?.split("/").pop() ?? ""));
  await Promise.all(ids.map((id) => store.call("POST", "/stocks", { product_id: id, quantity: 0 })));
  await page.evaluate(() => {
    const tasks = /** @type {number[]} */ ([]);
    /** @type {any} */ (window).tasks = tasks;
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
  });
  // It would be seen if it stood still.
  await page.evaluate(() => setTimeout(() => {
    for (const began = performance.now(); performance.now() - began < 120;);
  }));
  await page.waitForFunction(() => /** @type {any} */ (window).tasks.some((/** @type {number} */ one) => one >= 120));
  await page.evaluate(() => /** @type {any} */ (window).tasks.splice(0));
  let moved = 0;
  /** As many changes as are to be, spread over the time. @returns What the API's process computed for a second of it. */
  const move = async () => {
    const [began, had] = [Date.now(), await computed()];
    for (let at = 0; at < SECONDS * ASECOND; at += 5) {
      await Promise.all(Array.from({ length: 5 }, () => store.call("POST", `/stocks/${ids[(moved += 1) % ids.length]}/adjustments`, { delta: 1 })));
      await new Promise((resolve) => setTimeout(resolve, began + (at + 5) * 1000 / ASECOND - Date.now()));
    }
    const seconds = (Date.now() - began) / 1000;
    return { pace: SECONDS * ASECOND / seconds, load: (await computed() - had) / seconds };
  };
  const alone = await move();
  // As many others look at the same, and take all that comes.
  const stop = new AbortController();
  let heard = 0;
  const others = Array.from({ length: VIEWERS - 1 }, async () => {
    const answer = await fetch(`${url}/changes`, { headers: { Authorization: form.headers.Authorization, Accept: "text/event-stream" }, signal: stop.signal });
    if (!answer.body) throw new Error(`${answer.status}`);
    heard += 1;
    const parts = answer.body.getReader();
    while (!(await parts.read()).done);
  });
  const ended = Promise.allSettled(others);
  await until(() => heard === VIEWERS - 1);
  const together = await move();
  const shown = async () => (await page.locator("td.n").allTextContents()).reduce((sum, text) => sum + Number(text), 0);
  const due = Date.now() + 3000;
  while (await shown() !== moved && Date.now() < due) await page.waitForTimeout(100);
  assert.equal(await shown(), moved, "every change is shown");
  const tasks = /** @type {number[]} */ (await page.evaluate(() => /** @type {any} */ (window).tasks));
  const longest = Math.round(Math.max(0, ...tasks));
  const each = (together.load - alone.load) * 1000 / (VIEWERS - 1);
  console.log(`   ${Math.round(together.pace)} changes a second beside ${VIEWERS} viewers and ${PRODUCTS} products: longest task ${longest} ms, ${each.toFixed(2)} ms of CPU of the API a second for each viewer`);
  assert.ok(longest <= 100, tasks.join());
  const asked = door.seen.filter((line) => line === "POST /stocks/graphql-query").length;
  assert.ok(asked < 8, `${asked} questions for ${moved} changes`);
  stop.abort();
  await ended;
  await done();
  door.close();
}
