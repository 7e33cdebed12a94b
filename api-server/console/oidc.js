// Signing in at the issuer: authorization code with PKCE, as a public client. What is kept between going and coming back lies in the tab.
import { BASE, signIn } from "./api.js";

const { issuer = "", client = "", idTokens } = document.documentElement.dataset;
const KEY = "store.oidc";
const BACK = new URL("console", BASE).href;

/** Whether it can be done: the API names a client, and the page came safely enough for the browser to have digests. */
export const isOffered = issuer !== "" && client !== "" && crypto.subtle !== undefined;
/** Whether the issuer has sent somebody back here. */
export const isBack = isOffered && new URLSearchParams(location.search).has("state");

/** @param {Uint8Array} bytes */
const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** What the issuer says of itself. @returns {Promise<{ issuer: string, authorization_endpoint: string, token_endpoint: string }>} */
async function discover() {
  const answer = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, { credentials: "omit", redirect: "error" });
  const told = await answer.json();
  // Another one's document would lead to another one's pages.
  if (told.issuer !== issuer) throw new Error(`the document is of ${told.issuer}`);
  return told;
}

/** Leaves for the issuer's page. */
export async function go() {
  const { authorization_endpoint } = await discover();
  const kept = { verifier: random(), state: random(), nonce: random(), hash: location.hash };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(kept.verifier));
  sessionStorage.setItem(KEY, JSON.stringify(kept));
  const url = new URL(authorization_endpoint);
  if (!/^https?:$/.test(url.protocol)) throw new Error("the issuer's page has no address of the web");
  const query = {
    response_type: "code", client_id: client, redirect_uri: BACK, scope: "openid", state: kept.state, nonce: kept.nonce,
    code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  location.assign(url);
}

/** Takes the code to the issuer and signs in by the token that it gives. @returns {Promise<void>} */
export async function comeBack() {
  const came = new URLSearchParams(location.search);
  /** @type {{ verifier: string, state: string, nonce: string, hash: string } | null} */
  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  sessionStorage.removeItem(KEY);
  // The code is good once, and is nobody else's business.
  history.replaceState(null, "", BACK + (kept?.hash ?? ""));
  dispatchEvent(new Event("hashchange"));
  if (!kept || came.get("state") !== kept.state) throw new Error("the answer is none to this tab's question");
  const code = came.get("code");
  if (!code) throw new Error(came.get("error_description") ?? came.get("error") ?? "no code");
  const { token_endpoint } = await discover();
  const body = new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: BACK, client_id: client, code_verifier: kept.verifier });
  const answer = await fetch(token_endpoint, { method: "POST", body, credentials: "omit", redirect: "error", headers: { Accept: "application/json" } });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error_description ?? told.error ?? String(answer.status));
  // Whoever put another's code here does not know the nonce. That the token is the issuer's is for the API to see.
  const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(told.id_token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0))));
  if (claims.nonce !== kept.nonce) throw new Error("the token is none to this tab's question");
  signIn(idTokens ? told.id_token : told.access_token);
}
