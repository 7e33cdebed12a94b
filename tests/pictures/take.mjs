// Takes a picture of each dashboard: node take.mjs <url of Prometheus' API> <seconds> <namespace> <store>
// <directory of dashboards> <directory for the pictures>. A panel without data fails it.
import { readFile, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";

const [prometheus, seconds, namespace, store, dashboards, pictures] = process.argv.slice(2);
const end = Math.floor(Date.now() / 1000);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
let empty = 0;
try {
  const html = await readFile(new URL("page.html", import.meta.url), "utf8");
  for (const file of (await readdir(dashboards)).sort()) {
    const dashboard = JSON.parse(await readFile(join(dashboards, file), "utf8"));
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    await page.setContent(html);
    const given = { prometheus, namespace, store, dashboard, start: end - Number(seconds), end };
    const without = await page.evaluate((given) => draw(given), given);
    if (without > 0) console.error(`${file}: ${without} panels without data`);
    empty += without;
    await page.screenshot({ path: join(pictures, basename(file, ".json") + ".png"), fullPage: true });
    await page.close();
  }
} finally {
  await browser.close();
}
process.exit(empty > 0 ? 1 : 0);
