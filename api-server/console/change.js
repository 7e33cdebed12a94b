// A change and what became of it, also where the answer was lost.
import { html, useRef, useState } from "./html.js";
import { send } from "./api.js";
import { t } from "./text/text.js";

/** @typedef {import("./types").Ask} Ask */
/** @typedef {import("./types").Answer<any>} Answer */
/**
 * @typedef {"idle" | "sending" | "done" | "before" | "refused" | "undone" | "unknown" | "moved"} Fate
 * `before`: an earlier try did it. `undone`: 503, nothing was changed. `unknown`: no answer, or one that does not tell. `moved`: 412.
 */
/**
 * @typedef {object} Change
 * @property {Fate} fate
 * @property {Answer | null} answer
 * @property {(ask: Ask, options?: Options) => Promise<Fate>} run
 * @property {() => Promise<Fate>} again The same request once more.
 * @property {() => void} clear
 */
/**
 * @typedef {object} Options
 * @property {(answer: Answer) => void} [then] After it was done, now or before.
 * @property {() => Promise<boolean>} [isDone] Whether what was asked for is there, of a change that has no key: asked after a
 *   412 that follows a lost answer.
 */

/** @param {Answer} answer @returns {Fate} */
const fateOf = ({ ok, status, replayed, problem }) => {
  if (ok) return replayed ? "before" : "done";
  if (status === 412) return "moved";
  if (status === 503) return "undone";
  // What else a server fails with says as little as none at all, and a key that is in flight has its answer yet to come.
  if (status === 0 || status >= 500 || problem?.type.endsWith(":idempotency_key_in_flight")) return "unknown";
  return "refused";
};

/** @returns {Change} */
export function useChange() {
  const [state, set] = useState(/** @type {{ fate: Fate, answer: Answer | null }} */ ({ fate: "idle", answer: null }));
  const last = useRef(/** @type {{ ask: Ask, options: Options } | null} */ (null));

  /** @param {boolean} repeated */
  const go = async (repeated) => {
    const { ask, options } = /** @type {NonNullable<typeof last.current>} */ (last.current);
    set({ fate: "sending", answer: null });
    const answer = await send(ask);
    let fate = fateOf(answer);
    if (fate === "moved" && repeated && (await options.isDone?.())) fate = "before";
    set({ fate, answer });
    if (fate === "done" || fate === "before") options.then?.(answer);
    return fate;
  };
  return {
    ...state,
    run: (ask, options = {}) => {
      // A key for each POST, made once: whatever is sent again is the same request.
      last.current = { ask: ask.method === "POST" ? { key: crypto.randomUUID(), ...ask } : ask, options };
      return go(false);
    },
    again: async () => (last.current ? go(true) : "idle"),
    clear: () => set({ fate: "idle", answer: null }),
  };
}

/** What a problem says, its rules one by one. @param {{ answer: Answer | null }} given */
export function Rules({ answer }) {
  const problem = answer?.problem;
  if (!problem) return null;
  const rules = problem.errors ?? [];
  if (!rules.length) return html`<p>${problem.detail}</p>`;
  return html`<ul>${rules.map((rule) => html`<li>${rule.detail} <code>${rule.pointer}</code></li>`)}</ul>`;
}

/** @param {{ change: Change, done?: any }} given */
export function Outcome({ change, done }) {
  const { fate, answer } = change;
  const good = fate === "done" || fate === "before";
  const open = fate === "undone" || fate === "unknown";
  return html`
    <div class="outcome" role="status" data-fate=${fate}>
      ${fate === "sending" && html`<p class="muted">${t("change.sending")}</p>`}
      ${good && html`<p class="good"><b>${t(`change.${fate}`)}</b> ${done}</p>`}
      ${fate === "refused" && html`<div class="bad"><b>${t("change.refused")}</b> <${Rules} answer=${answer} /></div>`}
      ${open && html`
        <div class="bad">
          <p><b>${t(`change.${fate}`)}</b> ${answer?.problem?.detail}</p>
          <p>${t(`change.${fate}.next`)}</p>
          <button type="button" onClick=${change.again}>${t("change.again")}</button>
        </div>`}
    </div>`;
}
