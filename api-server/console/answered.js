// One line at the foot of every screen: how the database answered last.
import { html } from "./html.js";
import { lastTold } from "./api.js";
import { number, t } from "./text/text.js";

export function Answered() {
  const told = lastTold.value;
  if (!told) return null;
  const { method, path, status, level, coordinator, ms } = told;
  const part = (/** @type {string} */ name, /** @type {any} */ value) =>
    value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  return html`
    <footer class="answered" aria-label=${t("answered.title")}>
      <dl>
        ${part(t("answered.title"), html`<code>${method} ${path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => "…" + id.slice(-8))}</code>`)}
        ${part(t("answered.status"), status || t("answered.none"))}
        ${part(t("answered.level"), level)}
        ${part(t("answered.coordinator"), coordinator && html`<code>${coordinator}</code>`)}
        ${part(t("answered.took"), t("milliseconds", { n: number(ms) }))}
      </dl>
    </footer>`;
}
