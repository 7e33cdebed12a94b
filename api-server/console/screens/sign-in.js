// A token is asked for, where the API asks for one: of the issuer, or pasted.
import { html, useEffect, useState } from "../html.js";
import { refused, signIn } from "../api.js";
import { comeBack, go, isBack, isOffered } from "../oidc.js";
import { Field } from "../parts.js";
import { t } from "../text/text.js";

/** Somebody comes back once in the life of a page. */
let isComing = isBack;

export function SignIn() {
  const [text, set] = useState("");
  const [busy, setBusy] = useState(isComing);
  const [wrong, setWrong] = useState("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (text.trim()) signIn(text.trim());
  };
  /** @param {() => Promise<void>} what */
  const try_ = (what) => {
    setBusy(true);
    setWrong("");
    what().catch((error) => {
      setBusy(false);
      setWrong(String(error.message ?? error));
    });
  };
  useEffect(() => {
    if (isComing) try_(comeBack);
    isComing = false;
  }, []);
  return html`
    <main id="content" class="sign">
      <form class="card" onSubmit=${submit}>
        <h1>${t("sign.title")}</h1>
        ${refused.value && html`<p class="notice bad" role="alert">${t("sign.refused")}</p>`}
        ${isOffered && html`
          <button type="button" class="primary" disabled=${busy} onClick=${() => try_(go)}>${t(busy ? "loading" : "sign.issuer")}</button>
          ${wrong && html`<p class="notice bad" role="alert">${t("sign.failed", { why: wrong })}</p>`}`}
        <p class="muted">${t("sign.lead")}</p>
        <${Field} label=${t("sign.token")} value=${text} set=${set} type="password" autocomplete="off" required spellcheck="false" />
        <button class=${isOffered ? "" : "primary"}>${t("sign.go")}</button>
      </form>
    </main>`;
}
