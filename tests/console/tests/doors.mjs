// Who gets in, where, and what they see.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { open, signIn } from "../browser.mjs";
import { proxy } from "../proxy.mjs";
import { isLazy, sent } from "../sent.mjs";

/** @typedef {import("../run.mjs").Given} Given */

const screens = (/** @type {import("playwright-core").Page} */ page) =>
  page.getByRole("navigation").getByRole("link").allTextContents();

export async function thePageIsLockedIntoItsHost(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { token: tokens.seller, says: /TrustedScript|Content Security Policy/ });
  const answer = await page.request.get(`${url}/console`);
  assert.match(answer.headers()["content-security-policy"], /default-src 'none'.*script-src 'self'/);
  const tried = await page.evaluate(() => {
    const script = document.createElement("script");
    try {
      script.text = "window.inline = true";
    } catch {
      // Trusted types refuse the text itself.
    }
    document.head.append(script);
    return /** @type {any} */ (window).inline;
  });
  assert.equal(tried, undefined, "no inline script runs");
  assert.deepEqual(await page.context().cookies(), []);
  await done();
}

export async function whatIsWeighedIsWhatIsSent(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { token: tokens.seller });
  await page.getByText("7 of 7 up").waitFor();
  const loaded = await page.evaluate(() => performance.getEntriesByType("resource").map((entry) => entry.name));
  const files = [...new Set(loaded.flatMap((url) => /\/console\/[0-9a-f]+\/(.+)$/.exec(url)?.[1] ?? []))];
  assert.ok(files.length > 20, loaded.join());
  for (const name of files) {
    const ours = await readFile(new URL(`../../../api-server/console/${name}`, import.meta.url), "utf8");
    const address = loaded.find((url) => url.endsWith(`/${name}`)) ?? "";
    assert.equal(await (await page.request.get(address)).text(), sent(name, ours), name);
  }
  const named = [...(await (await page.request.get(`${url}/console`)).text()).matchAll(/"modulepreload" href="console\/[0-9a-f]+\/([^"]+)"/g)].map(([, name]) => name);
  assert.ok(named.length > 15 && named.every((name) => !isLazy(name) && files.includes(name)), named.join());
  assert.ok(!files.includes("screens/files.js"), "what nobody went to is not loaded");
  assert.ok(files.includes("text/en.js") && !files.includes("text/fr.js"), "one language");
  await done();
}

export async function aSellerASupplierAndADirectorSeeWhatIsTheirs(/** @type {Given} */ { browser, url, tokens }) {
  const ofRole = { seller: 9, admin: 9, director: ["Ring", "Consistency", "Operation", "Users", "Reports"], supplier: ["Reports"] };
  for (const [role, expected] of Object.entries(ofRole)) {
    const { page, done } = await open(browser, url, { token: tokens[/** @type {"seller"} */ (role)] });
    const seen = await screens(page);
    if (typeof expected === "number") assert.equal(seen.length, expected, role);
    else assert.deepEqual(seen, expected, role);
    await page.getByText(`Signed in as ${role}`).waitFor();
    await page.goto(`${url}/console#/orders`);
    assert.equal(await page.getByText("There is no such screen.").count(), role === "seller" || role === "admin" ? 0 : 1, role);
    await page.getByRole("link", { name: "Reports" }).click();
    await page.getByRole("table").or(page.locator(".empty")).first().waitFor();
    const reports = await page.getByRole("group", { name: "Report" }).getByRole("button").count();
    assert.equal(reports, role === "supplier" ? 0 : 3, role);
    // No request was answered by an error: a page does not ask for what its viewer may not see.
    await done();
  }
}

export async function whereNoTokenIsAskedForNothingIsPasted(/** @type {Given} */ { browser, openUrl }) {
  const { page, done } = await open(browser, openUrl);
  await page.getByText("No token is asked for").waitFor();
  assert.equal((await screens(page)).length, 9);
  assert.equal(await page.getByRole("button", { name: "Sign out" }).count(), 0);
  await page.getByRole("link", { name: "Products" }).click();
  await page.getByText("No product is found.").waitFor();
  await done();
}

export async function aTokenThatIsRefusedIsSaidToBe(/** @type {Given} */ { browser, url, tokens }) {
  const { page, done } = await open(browser, url, { expects: /whoami/ });
  await page.getByLabel("Token").fill("a-token-of-nobody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("refused").waitFor();
  await signIn(page, tokens.seller);
  assert.equal(await page.evaluate(() => Object.keys(localStorage).length), 0, "kept in this tab alone");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await done();
}

export async function aTokenThatExpiresLeadsBackToTheSameScreen(/** @type {Given} */ { browser, url, tokens }) {
  const between = await proxy(url);
  const { page, done } = await open(browser, between.url, { token: tokens.seller, at: "#/orders", expects: /./ });
  await page.getByRole("heading", { name: "Orders" }).waitFor();
  await page.getByText("Loading…").waitFor({ state: "detached" });
  between.fault = () => "401";
  await page.getByRole("button", { name: "paid" }).click();
  await page.getByRole("alert").getByText("expired").waitFor();
  between.fault = () => undefined;
  await signIn(page, tokens.seller);
  await page.getByRole("heading", { name: "Orders" }).waitFor();
  await done();
  between.close();
}

export async function belowAPrefixEverythingIsAskedBelowIt(/** @type {Given} */ { browser, url, tokens, store }) {
  const between = await proxy(url, "/a/shop");
  const product = await store.product(3);
  // A page that asks for anything outside of the prefix is told of as asking another host.
  const { page, done } = await open(browser, between.url, { token: tokens.seller, at: `#/stock/${product.id}` });
  await page.getByText("version 1").waitFor();
  for (const name of ["Ring", "Consistency", "Operation", "Products", "Orders", "Users", "Import & export", "Reports"]) {
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByRole("heading", { name, level: 1 }).waitFor();
  }
  assert.ok(between.seen.includes(`GET /stocks/${product.id}`), between.seen.join("\n"));
  await done();
  between.close();
}
