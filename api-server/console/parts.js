// Parts of every screen.
import { html, useEffect, useId, useRef } from "./html.js";
import { t } from "./text/text.js";

/**
 * A field of a form with its label.
 * @param {{ label: string, value: string, set: (value: string) => void, hint?: string, [more: string]: any }} given
 */
export function Field({ label, value, set, hint, rows, ...more }) {
  const id = useId();
  const onInput = (/** @type {any} */ event) => set(event.currentTarget.value);
  const told = hint ? `${id}-hint` : undefined;
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      ${rows
        ? html`<textarea id=${id} rows=${rows} value=${value} onInput=${onInput} aria-describedby=${told} ...${more}></textarea>`
        : html`<input id=${id} value=${value} onInput=${onInput} aria-describedby=${told} ...${more} />`}
      ${hint && html`<small id=${told}>${hint}</small>`}
    </div>`;
}

/** @param {{ label: string, value: string, set: (value: string) => void, options: [string, string][] }} given */
export function Choice({ label, value, set, options }) {
  const id = useId();
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      <select id=${id} value=${value} onChange=${(/** @type {any} */ event) => set(event.currentTarget.value)}>
        ${options.map(([name, text]) => html`<option key=${name} value=${name}>${text}</option>`)}
      </select>
    </div>`;
}

/**
 * A dialog of the browser's own: it keeps the focus within, and Escape closes it.
 * @param {{ title: string, close: () => void, children?: any }} given
 */
export function Dialog({ title, close, children }) {
  const at = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    at.current?.showModal();
  }, []);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
  };
  return html`<dialog ref=${at} aria-labelledby=${id} onCancel=${cancel}><h2 id=${id}>${title}</h2>${children}</dialog>`;
}

/**
 * What is at the head of a screen; it takes the focus when the screen comes.
 * @param {{ title: any, lead?: any, back?: [string, string], children?: any }} given
 */
export function Head({ title, lead, back, children }) {
  const at = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    // Not at the first sight of the page: there nobody has moved.
    if (document.activeElement !== document.body || history.state?.moved) at.current?.focus({ preventScroll: true });
  }, []);
  return html`
    <header class="head">
      <div>
        ${back && html`<a class="back" href=${back[0]}>${back[1]}</a>`}
        <h1 ref=${at} tabindex="-1">${title}</h1>
        ${lead && html`<p class="lead">${lead}</p>`}
      </div>
      ${children && html`<div class="actions">${children}</div>`}
    </header>`;
}

/** How far something has come, in words and not by colour alone. @param {{ status: string }} given */
export const Badge = ({ status }) => html`<span class="badge" data-status=${status}>${t(`status.${status}`)}</span>`;

/**
 * What stands under a list: nothing there, why not, or more.
 * @param {{ page: { rows: unknown[], next: string | null, status: number | null, busy: boolean, problem: import("./types").Problem | null, more: () => void, again: () => void }, empty: string }} given
 */
export function Foot({ page, empty }) {
  const { rows, next, status, busy, problem } = page;
  if (busy) return html`<p class="muted" role="status">${t("loading")}</p>`;
  if (status !== 200) {
    return html`<div class="notice bad" role="alert"><p>${problem?.detail ?? t("unreachable")}</p>
      <button type="button" onClick=${page.again}>${t("change.again")}</button></div>`;
  }
  return html`
    ${!rows.length && !next && html`<p class="empty">${empty}</p>`}
    ${next && html`<button type="button" class="more" onClick=${page.more}>${t("more")}</button>`}`;
}

/** A figure with what it is. @param {{ name: string, children?: any, note?: any }} given */
export const Figure = ({ name, children, note }) => html`
  <div class="figure"><span class="name">${name}</span><strong>${children}</strong>${note && html`<small>${note}</small>`}</div>`;
