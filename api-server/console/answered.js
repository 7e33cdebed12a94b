// One line at the foot of every screen: how the database answered last; more of it on demand.
import { html, signal } from "./html.js";
import { lastTold } from "./api.js";
import { number, t } from "./text/text.js";

/** @typedef {import("./api.js").Told} Told */

/** Ids are long, and their ends are what differs. @param {string} path */
export const shortened = (path) => path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => "…" + id.slice(-8));

/** What is looked at closely, and what shows it, which is fetched for that. @type {import("./vendor/signals.mjs").Signal<{ told: Told, More: any } | null>} */
const open = signal(null);

export function Answered() {
  const told = lastTold.value;
  if (!told) return null;
  const { ask, status, level, coordinator, ms } = told;
  const part = (/** @type {string} */ name, /** @type {any} */ value) =>
    value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const look = async () => {
    const { More } = await import("./more.js");
    open.value = { told, More };
  };
  return html`
    <footer class="answered" aria-label=${t("answered.title")}>
      <dl>
        ${part(t("answered.title"), html`<code>${ask.method} ${shortened(ask.path)}</code>`)}
        ${part(t("answered.status"), status || t("answered.none"))}
        ${part(t("answered.level"), level)}
        ${part(t("answered.coordinator"), coordinator && html`<code>${coordinator}</code>`)}
        ${part(t("answered.took"), t("milliseconds", { n: number(ms) }))}
      </dl>
      <button type="button" class="quiet" onClick=${() => look().catch(() => location.reload())}>${t("answered.more")}</button>
      ${open.value && html`<${open.value.More} told=${open.value.told} close=${() => (open.value = null)} />`}
    </footer>`;
}
