// A token is asked for, where the API asks for one.
import { html, useState } from "../html.js";
import { refused, signIn } from "../api.js";
import { Field } from "../parts.js";
import { t } from "../text/text.js";

export function SignIn() {
  const [text, set] = useState("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (text.trim()) signIn(text.trim());
  };
  return html`
    <main id="content" class="sign">
      <form class="card" onSubmit=${submit}>
        <h1>${t("sign.title")}</h1>
        <p class="muted">${t("sign.lead")}</p>
        ${refused.value && html`<p class="notice bad" role="alert">${t("sign.refused")}</p>`}
        <${Field} label=${t("sign.token")} value=${text} set=${set} type="password" autocomplete="off" required spellcheck="false" />
        <button class="primary">${t("sign.go")}</button>
      </form>
    </main>`;
}
