// Debian's Chromium, and pages that tell of everything that goes wrong in them.
import { chromium } from "playwright-core";

export const launch = () => chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

/** What a browser says of an answer that is an error: a test that asks for one expects it. */
const OF_AN_ANSWER = /^Failed to load resource/;

/** What all pages have done. */
export const counted = { pages: 0, requests: 0, elsewhere: 0, errors: /** @type {string[]} */ ([]) };

/**
 * A page of its own, signed in or not.
 * @param {import("playwright-core").Browser} browser
 * @param {string} url Of the API.
 * @param {{ token?: string, at?: string, expects?: RegExp, says?: RegExp, hosts?: string[] } & import("playwright-core").BrowserContextOptions} [options]
 *   `expects`: paths whose answers are errors. `says`: what the browser says of what a test tries. `hosts`: others that may be asked.
 */
export async function open(browser, url, { token, at = "", expects, says, hosts = [], ...options } = {}) {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(8000);
  const page = await context.newPage();
  counted.pages += 1;
  /** @type {string[]} */
  const wrong = [];
  page.on("pageerror", (error) => {
    counted.errors.push(String(error));
    wrong.push(String(error));
  });
  page.on("console", (message) => {
    const expected = says?.test(message.text()) || (OF_AN_ANSWER.test(message.text()) && expects?.test(message.location().url));
    if (expected || !["error", "warning"].includes(message.type())) return;
    counted.errors.push(`${message.text()} ${message.location().url}`);
    wrong.push(`${message.text()} ${message.location().url}`);
  });
  page.on("request", (request) => {
    counted.requests += 1;
    if ([url, "data:", "blob:", ...hosts].some((known) => request.url().startsWith(known))) return;
    counted.elsewhere += 1;
    wrong.push(`another host: ${request.url()}`);
  });
  await page.goto(`${url}/console${at}`);
  if (token) await signIn(page, token);
  const done = async () => {
    await context.close();
    if (wrong.length) throw new Error(wrong.join("\n"));
  };
  return { page, done, wrong };
}

/** Until something is so. @param {() => boolean} so */
export async function until(so) {
  for (let at = 0; !so(); at += 1) {
    if (at > 400) throw new Error(`it did not come to that: ${so}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @param {import("playwright-core").Page} page @param {string} token */
export async function signIn(page, token) {
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").getByRole("link").first().waitFor();
}
