// Takes a picture of each screen, light and dark: STORE_CONSOLE_SCRIPT=pictures.mjs, into STORE_CONSOLE_PICTURES.
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
  "reports": "#/reports",
};
const browser = await launch();
for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  for (const [name, at] of Object.entries(SCREENS)) {
    const { page } = await open(browser, url, { token: at ? seller : undefined, at: at ?? "", colorScheme, viewport: { width: 1280, height: name === "ring" ? 1560 : 860 } });
    await page.waitForLoadState("networkidle").catch(() => {});
    if (name === "ring") await page.getByLabel(/^10\.0\.0\.12/).first().focus();
    await page.screenshot({ path: join(into, `${name}-${colorScheme}.png`) });
    await page.context().close();
  }
}
await browser.close();
