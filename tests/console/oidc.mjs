// Signing in at an issuer: node oidc.mjs <url of the API> <issuer> <client>. The provider of the tests knows neither public clients nor
// scripts of other hosts, so a door before it takes their place: it checks the verifier as RFC 7636 says, and lets the page's host read.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { launch, open } from "./browser.mjs";

const [url, issuer, client] = process.argv.slice(2);
const browser = await launch();
/** @type {string[]} */
const passed = [];

/** A page with the door before the issuer. @param {{ spoil?: (told: any) => any }} [how] */
async function opened({ spoil = (told) => told } = {}) {
  const made = await open(browser, url, { hosts: [issuer], expects: /./ });
  let challenge = "";
  let verified = 0;
  await made.page.route(`${issuer}/**`, async (route) => {
    const request = route.request();
    const at = new URL(request.url());
    if (at.pathname.endsWith("/authorize")) {
      assert.equal(at.searchParams.get("code_challenge_method"), "S256");
      if (request.method() !== "GET") {
        const answer = await route.fetch({ maxRedirects: 0 });
        const back = new URL(answer.headers().location ?? at);
        // RFC 6749 sends the state back with an error, too, and the provider forgets it.
        if (back.searchParams.has("error")) back.searchParams.set("state", at.searchParams.get("state") ?? "");
        return route.fulfill({ response: answer, headers: { ...answer.headers(), location: back.href } });
      }
      challenge = at.searchParams.get("code_challenge") ?? "";
      // The provider's page has its looks from elsewhere.
      const form = await route.fetch();
      return route.fulfill({ response: form, body: (await form.text()).replaceAll(/<link[^>]*>/g, "") });
    }
    const headers = { ...request.headers() };
    const isToken = at.pathname.endsWith("/token");
    if (isToken) {
      const form = new URLSearchParams(request.postData() ?? "");
      assert.equal(createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url"), challenge);
      assert.equal(form.get("client_secret"), null, "a public client has no secret");
      verified += 1;
      headers.authorization = `Basic ${Buffer.from(`${client}:any`).toString("base64")}`;
    }
    const answer = await route.fetch({ headers });
    const told = isToken ? spoil(await answer.json()) : await answer.json();
    await route.fulfill({ response: answer, json: told, headers: { ...answer.headers(), "access-control-allow-origin": new URL(url).origin } });
  });
  return { ...made, verified: () => verified };
}

/** @param {import("playwright-core").Page} page @param {string} person */
async function signInAs(page, person) {
  await page.getByRole("button", { name: "Sign in with your account" }).click();
  await page.getByRole("button", { name: person, exact: true }).click();
}

{
  const { page, done, verified } = await opened();
  const policy = (await page.request.get(`${url}/console`)).headers()["content-security-policy"];
  assert.ok(policy.includes(`connect-src 'self' ${issuer};`), policy);
  await page.goto(`${url}/console#/reports`);
  await signInAs(page, "ben");
  await page.getByText("Signed in as director").waitFor();
  await page.getByRole("heading", { name: "Reports" }).waitFor();
  assert.equal(verified(), 1);
  assert.equal(new URL(page.url()).search, "", "the code is in no address any more");
  assert.deepEqual(await page.evaluate(() => [Object.keys(sessionStorage), Object.keys(localStorage), document.cookie]), [["store.token"], [], ""]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in with your account" }).waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await done();
  passed.push("a person signs in by code and comes back to the screen");
}
{
  const { page, done } = await opened();
  await page.goto(`${url}/console?code=stolen&state=of-somebody-else#/reports`);
  await page.getByRole("alert").getByText("none to this tab").waitFor();
  assert.equal(new URL(page.url()).search, "");
  await done();
  passed.push("an answer that this tab did not ask for is refused");
}
{
  const { page, done } = await opened({ spoil: (told) => {
    const [head, , signature] = told.id_token.split(".");
    const claims = Buffer.from(JSON.stringify({ nonce: "another" })).toString("base64url");
    return { ...told, id_token: [head, claims, signature].join(".") };
  } });
  await signInAs(page, "ben");
  await page.getByRole("alert").getByText("the token is none").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await done();
  passed.push("a token with another nonce is refused");
}
{
  const { page, done } = await opened();
  await page.getByRole("button", { name: "Sign in with your account" }).click();
  await page.getByRole("button", { name: "Deny" }).click();
  await page.getByRole("alert").getByText("Signing in did not work").waitFor();
  await done();
  passed.push("who refuses at the issuer is told so");
}
await browser.close();
for (const name of passed) console.log(`ok ${name}`);
