// The ring, while nodes go away and come back.
import assert from "node:assert/strict";
import { open, until } from "../browser.mjs";
import { proxy } from "../proxy.mjs";

/** @typedef {import("../run.mjs").Given} Given */

/** What the page must show of the driver's news within. */
const AT_ONCE = { timeout: 2000 };

export async function theRingShowsItsNodesWhatSurvivesAndWhoKeepsWhat(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { token: tokens.director, at: "#/ring" });
  await page.getByText("Every row is served, and would be with any one node less.").waitFor();
  const figure = page.getByRole("group", { name: /The token ring/ });
  assert.equal(await figure.getByRole("img").count(), 7);
  assert.equal(await page.locator(".range").count(), 56);
  assert.equal(await page.locator('.range[data-kind="first"]').count(), 0);
  await figure.getByRole("img", { name: /^10\.0\.0\.12,/ }).focus();
  assert.equal(await page.locator('.range[data-kind="first"]').count(), 8);
  assert.ok(await page.locator('.range[data-kind="kept"]').count() >= 8);
  const row = page.getByRole("row", { name: /10\.0\.1\.11/ });
  await row.getByText("nothing is lost").waitFor();
  await row.getByText("100%", { exact: true }).waitFor();
  await done();
}

export async function aNodeThatGoesDownIsSeenWithinTwoSecondsAndAnotherCostsRows(/** @type {Given} */ { browser, url, tokens, down }) {
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/ring" });
  await page.getByText("7 of 7 up").waitFor();
  const began = Date.now();
  await down("10.0.1.11");
  await page.getByText("6 of 7 up").waitFor(AT_ONCE);
  console.log(`   a node's end is shown ${Date.now() - began} ms after the API's view of the ring has it`);
  await page.getByText("The next node that goes down costs some.").waitFor(AT_ONCE);
  await page.getByRole("img", { name: /10\.0\.1\.11.*down/ }).waitFor();
  assert.equal(await page.locator('.range[data-kind="less"]').count(), 56);
  await page.getByRole("row", { name: /10\.0\.1\.12/ }).getByText("100% not served").waitFor();
  await down("10.0.1.11", "10.0.1.12");
  await page.getByText("100% of the rows are not served at LOCAL_QUORUM.").waitFor(AT_ONCE);
  assert.equal(await page.locator('.range[data-kind="lost"]').count(), 56);
  await down();
  await page.getByText("7 of 7 up").waitFor(AT_ONCE);
  await done();
}

export async function aRowIsFoundByItsKey(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(1);
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/ring", expects: /placement/ });
  await page.getByLabel("id (uuid)").fill("no uuid");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("id is of type uuid").waitFor();
  await page.getByLabel("id (uuid)").fill(product.id);
  await page.getByRole("button", { name: "Find" }).click();
  const told = await store.call("GET", `/cluster/placement?table=products&key=${product.id}`);
  await page.getByText(told.token).waitFor();
  assert.equal(await page.locator(".replica").count(), 6);
  assert.equal(await page.locator(".ring .holds").count(), 6);
  await page.getByRole("button", { name: "Forget it" }).click();
  assert.equal(await page.locator(".ring .holds").count(), 0);
  await page.goto(`${url}/console#/products/${product.id}`);
  await page.getByRole("link", { name: "Where its row lives" }).click();
  await page.getByText(told.token).waitFor();
  assert.equal(await page.getByLabel("id (uuid)").inputValue(), product.id);
  await done();
}

export async function withoutTheApiThePictureStaysAndSaysFromWhenItIs(/** @type {Given} */ { browser, url, tokens }) {
  const between = await proxy(url);
  const { page, done } = await open(browser, between.url, { token: tokens.seller, at: "#/ring", expects: /./ });
  await page.getByText("7 of 7 up").waitFor();
  between.fault = () => "drop";
  between.cut();
  await page.getByText("Not answered since").waitFor(AT_ONCE);
  assert.equal(await page.getByRole("img").count(), 7);
  between.fault = () => undefined;
  await page.getByText("Not answered since").waitFor({ state: "detached" });
  await done();
  between.close();
}

export async function aHiddenPageAsksForNothing(/** @type {Given} */ { browser, url, tokens }) {
  const between = await proxy(url);
  const { page, done } = await open(browser, between.url, { token: tokens.seller, at: "#/ring" });
  await page.getByText("7 of 7 up").waitFor();
  const hide = (/** @type {boolean} */ hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const asked = () => between.seen.length;
  await until(() => between.streams.some(({ isOpen }) => isOpen));
  await hide(true);
  await until(() => between.streams.every(({ isOpen }) => !isOpen));
  // What is under way ends.
  await page.waitForLoadState("networkidle");
  const before = asked();
  await page.waitForTimeout(2500);
  assert.equal(asked(), before);
  const next = page.waitForRequest("**/cluster/live");
  await hide(false);
  await next;
  await done();
  between.close();
}

export async function anAnswerToALabIsWhatTheRingSays(/** @type {Given} */ { browser, url, tokens, store }) {
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/ring" });
  await page.getByRole("link", { name: /^Labs/ }).click();
  await page.getByRole("link", { name: "Partitioning" }).click();
  await page.getByRole("heading", { name: "1. Partitioning" }).waitFor();
  await page.locator("svg.ring").waitFor();
  const { ranges } = await store.call("GET", "/cluster/ring");
  const asked = page.getByRole("listitem").filter({ hasText: "how many ranges" });
  const answer = async (/** @type {string} */ given) => {
    await asked.getByLabel("Answer 1").fill(given);
    await asked.getByRole("button", { name: "Check" }).click();
  };
  await answer(String(ranges.length + 1));
  await asked.getByText("That is not what the ring says.").waitFor();
  await asked.getByText("/cluster/ring").waitFor();
  await answer(String(ranges.length));
  await asked.getByText("Right: the ring says so, too.").waitFor();
  // A node goes by its number. The ring that is made up knows rows by ids alone, so where one with a sku lies is told here.
  const lies = ["10.0.0.2", "10.0.1.7"].map((address) => ({ address }));
  await page.route("**/cluster/placement?*", (route) => route.fulfill({ json: { replicas: lies } }));
  const where = page.getByRole("listitem").filter({ hasText: "PART-7" });
  await where.getByLabel("Answer 2").fill("7 and 2");
  await where.getByRole("button", { name: "Check" }).click();
  await where.getByText("Right: the ring says so, too.").waitFor();
  await page.getByRole("link", { name: "All labs" }).click();
  await page.getByRole("link", { name: "Repair" }).click();
  const third = page.getByRole("listitem").filter({ hasText: "MEND-1" });
  await third.getByLabel("Answer 2").waitFor();
  await done();
}
