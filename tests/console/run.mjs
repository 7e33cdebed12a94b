// The console in a real browser: node run.mjs <url of the API> <of one that asks for no tokens> <token of the seller>
// <director> <supplier> <admin>
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { counted, launch } from "./browser.mjs";
import { api } from "./store.mjs";
import * as changes from "./tests/changes.mjs";
import * as day from "./tests/day.mjs";
import * as doors from "./tests/doors.mjs";
import * as looks from "./tests/looks.mjs";
import * as news from "./tests/news.mjs";
import * as ring from "./tests/ring.mjs";
import * as screens from "./tests/screens.mjs";

/**
 * @typedef {object} Given
 * @property {import("playwright-core").Browser} browser
 * @property {string} url
 * @property {string} openUrl Of an API that asks for no tokens.
 * @property {Record<"seller" | "director" | "supplier" | "admin", string>} tokens
 * @property {ReturnType<typeof api>} store The API as a seller.
 * @property {(...addresses: string[]) => Promise<void>} down Lets these nodes of the ring be down, and all others up.
 */

const [url, openUrl, seller, director, supplier, admin] = process.argv.slice(2);
const browser = await launch();
/** @type {Given} */
const given = {
  browser, url, openUrl, tokens: { seller, director, supplier, admin }, store: api(url, seller),
  down: (...addresses) => writeFile(process.env.STORE_CONSOLE_DOWN ?? assert.fail("the test says in which file"), addresses.join("\n")),
};
const only = process.env.STORE_CONSOLE_ONLY;
const counts = { passed: 0, failed: 0 };
const began = Date.now();
for (const [name, test] of Object.entries({ ...doors, ...day, ...changes, ...ring, ...screens, ...news, ...looks })) {
  const words = name.replace(/[A-Z]|\d+/g, (begin) => ` ${begin.toLowerCase()}`);
  if (only && !words.includes(only)) continue;
  const at = Date.now();
  try {
    await test(given);
    counts.passed += 1;
    console.log(`ok ${words} (${Date.now() - at} ms)`);
  } catch (error) {
    counts.failed += 1;
    console.log(`FAILED ${words}: ${error instanceof Error ? error.stack : error}`);
  }
}
await browser.close();
console.log(`   ${counted.pages} pages: ${counted.requests} requests, ${counted.elsewhere} of them to other hosts, ${counted.errors.length} errors that no test had asked for`, ...counted.errors);
console.log(`console: ${counts.passed} passed, ${counts.failed} failed in ${Math.round((Date.now() - began) / 1000)} s`);
process.exit(counts.failed || !counts.passed || counted.errors.length ? 1 : 0);
