// People, files and archives; a row's copies, the nodes' own words, and what the operator does.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { open } from "../browser.mjs";

/** @typedef {import("../run.mjs").Given} Given */
/** @typedef {import("playwright-core").Page} Page */

export async function aUserIsMadeFoundChangedAndErased(/** @type {Given} */ { browser, url, tokens, store }) {
  const email = `zora-${process.pid}@example.org`;
  const { page, done } = await open(browser, url, { token: tokens.director, at: "#/users", expects: /users/ });
  await page.getByRole("link", { name: "New user" }).click();
  await page.getByLabel("Name").fill("Zora Neale");
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "Zora Neale" }).waitFor();
  await page.getByLabel("Name").fill("Zora Hurston");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").getByText("Version 2.").waitFor();
  await page.getByRole("link", { name: "Users", exact: true }).first().click();
  await page.getByLabel("Part of a name or an address").fill("ZORA HUR");
  await page.getByText(/1 found/).waitFor();
  await page.getByRole("link", { name: "Zora Hurston" }).click();
  await page.getByRole("button", { name: "Erase" }).click();
  await page.getByRole("dialog").getByText("Zora Hurston").waitFor();
  const id = page.url().split("/").pop() ?? "";
  assert.equal((await store.call("GET", `/users/${id}`)).email, email);
  await page.getByRole("button", { name: "Erase for good" }).click();
  await page.getByText("Name and address are erased.").waitFor();
  await assert.rejects(store.call("GET", `/users/${id}`), /404/);
  await done();
}

export async function aFileIsTriedTakenInAndItsErrorsAreToldByLine(/** @type {Given} */ { browser, url, tokens, store }) {
  const sku = `CSV-${process.pid}`;
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/files" });
  const file = (/** @type {string} */ text) => page.getByLabel("CSV file").setInputFiles({ name: "a.csv", mimeType: "text/csv", buffer: Buffer.from(text) });
  await file(`sku,name,price\n${sku},Paper lantern,7.50\n${sku}-2,,3\n`);
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText("Tried: nothing was changed.").waitFor();
  await page.getByRole("row", { name: /^3 name/ }).waitFor();
  assert.deepEqual(await store.call("GET", `/products?sku=${sku}`), []);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("It has ended.").waitFor();
  const [made] = await store.call("GET", `/products?sku=${sku}`);
  assert.equal(made.price, 7.5);
  assert.equal(await page.getByText("1 of 2 lines failed").count(), 1);
  // Whoever comes back finds it.
  await page.getByRole("link", { name: "Stock", exact: true }).click();
  await page.getByRole("link", { name: "Import & export" }).click();
  await page.getByText("It has ended.").waitFor();
  await page.getByLabel("Table").selectOption("stocks");
  await file(`sku,quantity\n${sku},12\n`);
  assert.ok(await page.getByRole("button", { name: "Import", exact: true }).isDisabled(), "a stock is moved under a reference");
  await page.getByLabel("Reference").fill(`DN-${process.pid}`);
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByRole("heading", { name: /Stocks/ }).waitFor();
  await page.getByText("It has ended.").waitFor();
  assert.equal(await store.quantity(made.id), 12);
  await done();
}

export async function whatIsGivenOutIsAFileThatAnImportTakes(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(3, "Exported jug");
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/files" });
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Products" }).click()]);
  assert.match(download.suggestedFilename(), /^products-\d{4}-\d\d-\d\d\.csv$/);
  const text = await readFile(await download.path(), "utf8");
  assert.ok(text.split("\n")[0].includes("sku") && text.includes(product.sku), text.slice(0, 200));
  await done();
}

export async function aProductIsTakenOutOfSaleAndRestored(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(3, "Retired trowel");
  const { page, done } = await open(browser, url, { token: tokens.seller, at: `#/products/${product.id}` });
  await page.getByRole("button", { name: "Take out of sale" }).click();
  await page.getByRole("button", { name: "Take it out" }).click();
  await page.getByText("Archived: it is changed only to restore it.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Save" }).count(), 0);
  await page.getByRole("link", { name: "Products" }).first().click();
  await page.getByRole("button", { name: "Archived" }).click();
  await page.getByRole("link", { name: "Retired trowel" }).click();
  await page.getByRole("button", { name: "Restore" }).click();
  await page.getByRole("button", { name: "Save" }).waitFor();
  assert.equal((await store.call("GET", `/products/${product.id}`)).archived_at, undefined);
  // And from the list, where somebody else has archived it.
  await page.getByRole("link", { name: "Products" }).first().click();
  await page.getByRole("button", { name: "Archived" }).click();
  await store.call("DELETE", `/products/${product.id}`);
  await page.getByRole("button", { name: "Restore Retired trowel" }).click();
  await page.getByRole("row", { name: /Retired trowel/ }).waitFor({ state: "detached" });
  assert.equal((await store.call("GET", `/products/${product.id}`)).archived_at, undefined);
  await done();
}

export async function eachLineTellsWhatIsInStockAndAProductIsFoundByItsSku(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(41, "Counted spade");
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/orders/new" });
  await page.getByLabel("Customer").selectOption({ index: 1 });
  await page.getByLabel("Search by").selectOption("sku");
  await page.getByLabel("Exact SKU").fill(product.sku);
  await page.getByRole("button", { name: "Add Counted spade" }).click();
  await page.getByRole("button", { name: "Place the order" }).click();
  const line = page.getByRole("row", { name: /Counted spade/ });
  await line.getByRole("cell", { name: "40", exact: true }).waitFor();
  await done();
}

export async function theLastAnswerIsToldInDetail(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(2);
  const { page, done } = await open(browser, url, { token: tokens.seller, at: `#/products/${product.id}` });
  await page.getByRole("heading", { name: product.name }).waitFor();
  await page.getByRole("button", { name: "Details" }).click();
  const dialog = page.getByRole("dialog", { name: "Last answer" });
  await dialog.locator(".replica").nth(5).waitFor();
  await dialog.getByText("LOCAL_QUORUM").waitFor();
  const [asked] = await Promise.all([
    page.waitForRequest((request) => request.headers()["cassandra-trace"] === "true"),
    dialog.getByRole("button", { name: "Ask again with a trace" }).click(),
  ]);
  assert.equal(new URL(asked.url()).pathname, `/products/${product.id}`);
  // The store in memory is not traced.
  await dialog.getByText("Nothing of it was traced.").waitFor();
  await page.route(`**/products/${product.id}`, async (route) => {
    const answer = await route.fetch();
    const trace = "0190a0a0-0000-7000-8000-000000000000; coordinator=10.0.0.12; duration_us=1234; events=17";
    await route.fulfill({ response: answer, headers: { ...answer.headers(), "cassandra-trace": trace } });
  });
  await dialog.getByRole("button", { name: "Ask again with a trace" }).click();
  await dialog.getByText("10.0.0.12").last().waitFor();
  await dialog.getByText("1,234 µs").waitFor();
  await page.unrouteAll({ behavior: "wait" });
  await dialog.getByRole("link", { name: "Compare its copies" }).click();
  await page.getByText("1 copy is older than the newest").waitFor();
  await done();
}

export async function anOlderCopyIsMarkedBesideTheOthers(/** @type {Given} */ { browser, url, tokens, store }) {
  const product = await store.product(2);
  const { page, done } = await open(browser, url, { token: tokens.seller, at: `#/consistency/products:${product.id}` });
  await page.getByText("1 copy is older than the newest").waitFor();
  assert.deepEqual(await page.locator(".copies mark").allTextContents(), ["Teapot", "1"]);
  await page.locator(".copies").getByText("it did not answer in time").waitFor();
  await page.locator(".copies").getByText("older copy").waitFor();
  const next = page.waitForRequest(/cluster\/replicas/);
  await page.getByLabel("Read it every second").check();
  await next;
  await page.getByRole("row", { name: /^LOCAL_QUORUM/ }).getByText("every row served").waitFor();
  await done();
}

export async function aDirectorSeesLevelsAndNoRows(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { token: tokens.director, at: "#/consistency" });
  await page.getByRole("row", { name: /^ALL/ }).waitFor();
  assert.equal(await page.getByText("One row, replica by replica").count(), 0);
  await done();
}

export async function howNodesSeeEachOtherAndWhatMovesIsShown(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { token: tokens.director, at: "#/ring" });
  await page.getByText("NORMAL · silent").waitFor();
  assert.equal(await page.getByRole("cell", { name: "BOOT", exact: true }).count(), 6);
  assert.equal(await page.getByText("it did not answer in time").count(), 1);
  assert.deepEqual((await page.locator(".ring .arc").evaluateAll((all) => all.map((one) => one.getAttribute("data-kind")))).sort(), ["hint", "repair", "stream"]);
  await page.getByRole("row", { name: /^hints .*2 files wait/ }).waitFor();
  await page.getByRole("row", { name: /^task .*validation store_manager\.products 30%/ }).waitFor();
  await done();
}

export async function whatTheOperatorDoesIsTold(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { token: tokens.director, at: "#/operation" });
  await page.getByText("No operator tells this API of its work").waitFor();
  const examples = JSON.parse(await readFile(new URL("../../../api-server/src/openapi/examples.json", import.meta.url), "utf8"));
  await page.route("**/cluster/operation", (route) => route.fulfill({ json: examples.getClusterOperation.answer }));
  await page.getByRole("heading", { name: /A node joins/ }).waitFor({ timeout: 12_000 });
  await page.getByText("12 MiB streamed").waitFor();
  await page.getByText(/Failed once:.*the stream broke off/).waitFor();
  await page.getByRole("row", { name: /NodeJoining/ }).waitFor();
  await page.unrouteAll({ behavior: "wait" });
  await done();
}

export async function aScreenThatDoesNotComeSaysSoAndCanBeLoadedAgain(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { token: tokens.seller, at: "#/products", expects: /./ });
  await page.getByRole("heading", { name: "Products" }).waitFor();
  await page.route("**/screens/reports.js", (route) => route.abort());
  await page.getByRole("link", { name: "Reports" }).click();
  await page.getByRole("alert").getByText("This screen did not come.").waitFor();
  await page.unrouteAll({ behavior: "wait" });
  await page.getByRole("button", { name: "Load it again" }).click();
  await page.getByRole("heading", { name: "Reports" }).waitFor();
  await done();
}
