// A node's end and return as the page of the ring shows it, on a real ring: node real-ring.mjs <url of an API that asks for no tokens>.
// Whoever runs it ends a node once it says "watching", and starts it again once it says "down is shown".
import assert from "node:assert/strict";
import { counted, launch, open } from "./browser.mjs";

/** How old the driver's news may be when the page shows them. */
const AT_ONCE = { timeout: 2000 };
/** Until nodes are taken for down, or have started. */
const LATER = { timeout: 120_000 };
const EVERY = 20;

const url = process.argv[2] ?? assert.fail("node real-ring.mjs <url>");

/** When the API's driver has it that so many nodes are up. @param {number} wanted */
async function driverHas(wanted) {
  for (const began = Date.now(); Date.now() - began < LATER.timeout;) {
    const answer = await fetch(`${url}/cluster/nodes`);
    /** @type {{ state: string }[]} */
    const nodes = answer.ok ? await answer.json() : [];
    if (nodes.filter(({ state }) => state === "UP").length === wanted) return Date.now();
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
  return assert.fail(`the driver never had ${wanted} nodes up`);
}

const browser = await launch();
const { page, done } = await open(browser, url, { at: "#/ring" });
await page.getByText("3 of 3 up").waitFor();
console.log("watching");
const down = await driverHas(2);
await page.getByText("2 of 3 up").waitFor(AT_ONCE);
console.error(`a node's end is shown ${Date.now() - down} ms after the driver knew it`);
await page.getByText("The next node that goes down costs some.").waitFor(AT_ONCE);
console.log("down is shown");
const up = await driverHas(3);
await page.getByText("3 of 3 up").waitFor(AT_ONCE);
console.error(`its return is shown ${Date.now() - up} ms after the driver knew it`);
await done();
await browser.close();
assert.deepEqual(counted.errors, []);
