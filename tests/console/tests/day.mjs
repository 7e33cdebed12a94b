// A seller's day.
import assert from "node:assert/strict";
import { open } from "../browser.mjs";

/** @typedef {import("../run.mjs").Given} Given */
/** @typedef {import("playwright-core").Page} Page */

const status = (/** @type {Page} */ page, /** @type {string} */ name) => page.locator(".facts .badge", { hasText: name }).waitFor();

export async function aProductIsFoundItsStockAdjustedItIsOrderedPaidAndCancelled(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(10, "Zinc watering can");
  const { page, done } = await open(browser, url, { token: tokens.seller, expects: /\/orders$/ });
  await page.getByRole("link", { name: "Stock" }).click();
  await page.getByLabel("Search", { exact: true }).fill("zinc wat");
  await page.getByRole("link", { name: "Zinc watering can" }).click();
  await page.getByRole("heading", { name: "Zinc watering can" }).waitFor();
  await page.getByLabel("Units").fill("-2");
  await page.getByLabel("Reason").fill("broken in transit");
  await page.getByRole("button", { name: "Adjust" }).click();
  await page.getByText("8 in stock now.").waitFor();
  await page.getByRole("cell", { name: "broken in transit" }).waitFor();
  assert.equal(await store.quantity(product.id), 8);

  await page.getByRole("link", { name: "Orders" }).click();
  await page.getByRole("link", { name: "New order" }).click();
  await page.getByLabel("Customer").selectOption({ index: 1 });
  await page.getByLabel("Beginning of a product's name").fill("Zinc");
  await page.getByRole("button", { name: "Add Zinc watering can" }).click();
  await page.getByLabel("Quantity, Zinc watering can").fill("9");
  await page.getByText("112.50", { exact: true }).waitFor();
  const short = page.waitForResponse((answer) => answer.status() === 409);
  await page.getByRole("button", { name: "Place the order" }).click();
  await short;
  await page.getByText("8 in stock, 9 asked for").waitFor();
  await page.getByLabel("Quantity, Zinc watering can").fill("3");
  await page.getByRole("button", { name: "Place the order" }).click();
  await status(page, "confirmed");
  await page.getByRole("rowheader", { name: "Zinc watering can" }).waitFor();
  assert.equal(await store.quantity(product.id), 5);

  await page.getByRole("button", { name: "Pay" }).click();
  await page.getByRole("dialog").getByLabel("Payment").fill("P-77");
  await page.getByRole("dialog").getByRole("button", { name: "Pay" }).click();
  await status(page, "paid");
  await page.getByText("P-77").waitFor();
  await page.getByRole("button", { name: "Cancel the order" }).click();
  await page.getByRole("button", { name: "Cancel it" }).click();
  await status(page, "cancelled");
  await page.getByText("to be paid back").waitFor();
  assert.equal(await store.quantity(product.id), 8, "every unit came back");
  assert.equal(await page.getByRole("button", { name: "Pay" }).count(), 0, "what cannot be done is not shown");
  await done();
}

export async function anOrderIsPaidAndHandedOver(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(4);
  const [user] = await store.call("GET", "/users?limit=1");
  const order = await store.call("POST", "/orders", { user_id: user.id, items: [{ product_id: product.id, quantity: 1 }] });
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/orders" });
  await page.getByRole("button", { name: "confirmed" }).click();
  await page.locator(`a[href="#/orders/${order.id}"]`).click();
  await page.getByRole("button", { name: "Pay" }).click();
  await page.getByRole("dialog").getByLabel("Payment").fill("P-78");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Hand over" }).click();
  await status(page, "fulfilled");
  assert.equal((await store.call("GET", `/orders/${order.id}`)).status, "fulfilled");
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByRole("rowheader").first().waitFor();
  await done();
}

export async function aProductIsMadeAndChanged(/** @type {Given} */ { browser, url, tokens, store }) {
  const sku = `NEW-${process.pid}`;
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/products", expects: /products/ });
  await page.getByRole("link", { name: "New product" }).click();
  await page.getByLabel("Name").fill("Copper kettle");
  await page.getByLabel("SKU").fill(sku);
  await page.getByLabel("Price").fill("0,001");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText("/price").waitFor();
  await page.getByLabel("Price").fill("49,90");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "Copper kettle" }).waitFor();
  await page.getByLabel("Brand").fill("Old Mill");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Version 2.").waitFor();
  const [made] = await store.call("GET", `/products?sku=${sku}`);
  assert.deepEqual([made.price, made.brand, made.description], [49.9, "Old Mill", null]);
  await page.getByRole("link", { name: "Products" }).first().click();
  await page.getByLabel("Search by").selectOption("sku");
  await page.getByLabel("Search", { exact: true }).fill(sku);
  await page.getByRole("link", { name: "Copper kettle" }).waitFor();
  await page.getByText("LOCAL_QUORUM").waitFor();
  await done();
}
