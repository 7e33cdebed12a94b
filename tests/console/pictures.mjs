// Takes a picture of each screen, light and dark: STORE_CONSOLE_SCRIPT=pictures.mjs, into STORE_CONSOLE_PICTURES.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { launch, open } from "./browser.mjs";
import { api } from "./store.mjs";

const [url, , seller] = process.argv.slice(2);
const into = process.env.STORE_CONSOLE_PICTURES ?? ".";
const store = api(url, seller);
const { products, order } = await store.busyDay();
const SCREENS = {
  "sign-in": null,
  "ring": "#/ring", "products": "#/products", "product": `#/products/${products[0].id}`, "stock-list": "#/stock",
  "stock": `#/stock/${products[0].id}`, "orders": "#/orders", "order": `#/orders/${order.id}`, "new-order": "#/orders/new",
  "reports": "#/reports", "consistency": `#/consistency/products:${products[0].id}`, "operation": "#/operation", "users": "#/users",
  "user": `#/users/${order.user_id}`, "files": "#/files",
};
/** What is told where no operator is. */
const { getClusterOperation } = JSON.parse(await readFile(new URL("../../api-server/src/openapi/examples.json", import.meta.url), "utf8"));
const browser = await launch();
for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const [name, at] of Object.entries(SCREENS)) {
    const { page } = await open(browser, url, { token: at ? seller : undefined, colorScheme, viewport: { width: 1280, height: name === "ring" ? 2150 : 860 } });
    await page.route("**/cluster/operation", (route) => route.fulfill({ json: getClusterOperation.answer }));
    if (at) await page.goto(`${url}/console${at}`);
    await page.locator("main h1").waitFor();
    await page.getByText("Loading…").waitFor({ state: "detached" });
    if (name === "ring") await page.getByLabel(/^10\.0\.0\.12/).first().focus();
    // The ranges change their colour within a moment; what moves along an arc never ends.
    await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => one.effect?.getComputedTiming().endTime !== Infinity).map((one) => one.finished)));
    await page.screenshot({ path: join(into, `${name}${colorScheme === "dark" ? "-dark" : ""}.png`) });
    await page.context().close();
  }
}
const teapot = await store.product(10);
const { page } = await open(browser, url, { token: seller, at: `#/products/${teapot.id}`, viewport: { width: 1280, height: 860 } });
await store.call("PATCH", `/products/${teapot.id}`, { name: "Blue teapot, large", brand: "Kestrel" });
await page.getByLabel("Name").fill("Blue teapot, 1 l");
await page.getByLabel("Price").fill("14.00");
await page.getByRole("button", { name: "Save" }).click();
await page.getByRole("dialog").getByText("Kestrel").waitFor();
await page.screenshot({ path: join(into, "conflict.png") });
await browser.close();
