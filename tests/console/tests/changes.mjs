// What becomes of a change: somebody was quicker, the database is away, the answer is lost.
import assert from "node:assert/strict";
import { open } from "../browser.mjs";
import { proxy } from "../proxy.mjs";

/** @typedef {import("../run.mjs").Given} Given */
/** @typedef {import("playwright-core").Page} Page */

const EXPECTS = /./;
const fate = (/** @type {Page} */ page, /** @type {string} */ name) => page.locator(`.outcome[data-fate="${name}"]`).waitFor();

/** @param {Given} given @param {string} [at] */
async function opened({ browser, url, tokens, store }, at = "stock") {
  const product = await store.product(10);
  const between = await proxy(url);
  const { page, done } = await open(browser, between.url, { token: tokens.seller, at: `#/${at}/${product.id}`, expects: EXPECTS });
  await page.getByRole("heading", { name: product.name }).waitFor();
  return { product, between, page, end: async () => { await done(); between.close(); } };
}

export async function whoWasQuickerIsShownBesideAndEachFieldIsChosen(/** @type {Given} */ given) {
  const { product, page, end } = await opened(given, "products");
  await given.store.call("PATCH", `/products/${product.id}`, { name: "Their teapot", brand: "Kestrel" });
  await page.getByLabel("Name").fill("My teapot");
  await page.getByLabel("Price").fill("14.00");
  await page.getByRole("button", { name: "Save" }).click();
  const dialog = page.getByRole("dialog", { name: "Somebody was quicker" });
  await dialog.getByText("Their teapot").waitFor();
  await dialog.getByText("My teapot").waitFor();
  await dialog.getByText("Kestrel").waitFor();
  assert.equal((await given.store.call("GET", `/products/${product.id}`)).version, 2, "nothing is saved yet");
  await dialog.getByRole("radio", { name: "Their teapot" }).check();
  await dialog.getByRole("button", { name: "Save this" }).click();
  await page.getByText("Version 3.").waitFor();
  const now = await given.store.call("GET", `/products/${product.id}`);
  assert.deepEqual([now.name, now.price, now.brand], ["Their teapot", 14, "Kestrel"]);
  await end();
}

export async function whoLeavesTheDialogKeepsWhatIsThere(/** @type {Given} */ given) {
  const { product, page, end } = await opened(given, "products");
  await given.store.call("PATCH", `/products/${product.id}`, { name: "Their teapot" });
  await page.getByLabel("Name").fill("My teapot");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await page.getByLabel("Name").inputValue(), "Their teapot");
  assert.equal((await given.store.call("GET", `/products/${product.id}`)).version, 2);
  await end();
}

export async function anAdjustmentWhoseAnswerWasLostIsMadeOnce(/** @type {Given} */ given) {
  const { product, between, page, end } = await opened(given);
  between.fault = (method) => (method === "POST" ? "lose" : undefined);
  await page.getByLabel("Units").fill("5");
  await page.getByRole("button", { name: "Adjust" }).click();
  await fate(page, "unknown");
  assert.equal(await given.store.quantity(product.id), 15, "it was done, and the page does not know");
  await page.getByRole("button", { name: "Send again" }).click();
  await fate(page, "unknown");
  between.fault = () => undefined;
  await page.getByRole("button", { name: "Send again" }).click();
  await fate(page, "before");
  await page.getByText("It had been done the first time.").waitFor();
  assert.equal(await given.store.quantity(product.id), 15, "and was not done again");
  await end();
}

export async function anAdjustmentThatNeverArrivedIsMadeWhenSentAgain(/** @type {Given} */ given) {
  const { product, between, page, end } = await opened(given);
  between.fault = (method) => (method === "POST" ? "drop" : undefined);
  await page.getByLabel("Units").fill("-4");
  await page.getByRole("button", { name: "Adjust" }).click();
  await fate(page, "unknown");
  between.fault = () => undefined;
  await page.getByRole("button", { name: "Send again" }).click();
  await fate(page, "done");
  assert.equal(await given.store.quantity(product.id), 6);
  await end();
}

export async function aChangeThatIsTurnedAwaySaysThatNothingWasChanged(/** @type {Given} */ given) {
  const { product, between, page, end } = await opened(given);
  between.fault = (method) => (method === "POST" ? "503" : undefined);
  await page.getByLabel("Units").fill("1");
  await page.getByRole("button", { name: "Adjust" }).click();
  await fate(page, "undone");
  await page.getByText("Nothing was changed.").waitFor();
  between.fault = () => undefined;
  await page.getByRole("button", { name: "Send again" }).click();
  await fate(page, "done");
  assert.equal(await given.store.quantity(product.id), 11);
  await end();
}

export async function aSaveWhoseAnswerWasLostIsFoundToBeDone(/** @type {Given} */ given) {
  const { product, between, page, end } = await opened(given, "products");
  between.fault = (method) => (method === "PATCH" ? "lose" : undefined);
  await page.getByLabel("Price").fill("13.25");
  await page.getByRole("button", { name: "Save" }).click();
  await fate(page, "unknown");
  between.fault = () => undefined;
  await page.getByRole("button", { name: "Send again" }).click();
  await fate(page, "before");
  // What it is now is read before it is called done.
  assert.equal(await page.getByRole("dialog").count(), 0, "it is its own change that it met");
  assert.equal((await given.store.call("GET", `/products/${product.id}`)).version, 2);
  await end();
}

export async function anOrderWhoseAnswerWasLostIsPlacedOnce(/** @type {Given} */ given) {
  const { product, between, page, end } = await opened(given);
  await page.goto(`${between.url}/console#/orders/new`);
  await page.getByLabel("Customer").selectOption({ index: 1 });
  await page.getByRole("button", { name: `Add ${product.name}` }).first().click();
  between.fault = (method, path) => (method === "POST" && path === "/orders" ? "lose" : undefined);
  await page.getByRole("button", { name: "Place the order" }).click();
  await fate(page, "unknown");
  between.fault = () => undefined;
  await page.getByRole("button", { name: "Send again" }).click();
  await page.locator(".facts .badge", { hasText: "confirmed" }).waitFor();
  assert.equal(await given.store.quantity(product.id), 9);
  await end();
}

export async function aSaveThatSomebodyOvertookBetweenItsTriesIsCompared(/** @type {Given} */ given) {
  const { product, between, page, end } = await opened(given, "products");
  between.fault = (method) => (method === "PATCH" ? "drop" : undefined);
  await page.getByLabel("Price").fill("13.25");
  await page.getByRole("button", { name: "Save" }).click();
  await fate(page, "unknown");
  await given.store.call("PATCH", `/products/${product.id}`, { price: 99 });
  between.fault = () => undefined;
  await page.getByRole("button", { name: "Send again" }).click();
  await page.getByRole("dialog").getByText("99.00").waitFor();
  assert.equal((await given.store.call("GET", `/products/${product.id}`)).price, 99);
  await end();
}

export async function anOrderThatMovedMeanwhileIsShownAsItIs(/** @type {Given} */ given) {
  const product = await given.store.product(4);
  const [user] = await given.store.call("GET", "/users?limit=1");
  const order = await given.store.call("POST", "/orders", { user_id: user.id, items: [{ product_id: product.id, quantity: 1 }] });
  const { page, done } = await open(given.browser, given.url, { token: given.tokens.seller, at: `#/orders/${order.id}`, expects: EXPECTS });
  await page.getByRole("button", { name: "Pay" }).click();
  await given.store.call("DELETE", `/orders/${order.id}`);
  await page.getByRole("dialog").getByLabel("Payment").fill("P-79");
  await page.keyboard.press("Enter");
  await page.getByText("Somebody else changed it meanwhile.").waitFor();
  await page.locator(".facts .badge", { hasText: "cancelled" }).waitFor();
  assert.equal((await given.store.call("GET", `/orders/${order.id}`)).is_paid, false);
  await done();
}
