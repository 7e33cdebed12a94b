// Somebody else was quicker (412): both versions side by side, and for each field which one is kept.
import { html, useState } from "./html.js";
import { Dialog } from "./parts.js";
import { t } from "./text/text.js";
import { conflicts } from "./versions.js";

/** @typedef {import("./versions.js").Fields} Fields */

/**
 * @param {object} given
 * @param {Fields} given.before
 * @param {Fields} given.mine
 * @param {Fields} given.theirs
 * @param {(name: string) => string} given.label
 * @param {(chosen: Fields) => void} given.choose What is to be sent; what they changed and one did not is theirs.
 * @param {() => void} given.leave Theirs stays as it is.
 */
export function Conflict({ before, mine, theirs, label, choose, leave }) {
  const asked = conflicts(before, mine, theirs);
  const [chosen, set] = useState(/** @type {Record<string, "mine" | "theirs">} */ ({}));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const result = { ...theirs };
    for (const name of asked) if (chosen[name] !== "theirs") result[name] = mine[name];
    choose(result);
  };
  /** @param {string} name @param {"mine" | "theirs"} whose */
  const cell = (name, whose) => html`
    <td>
      <label class="choice">
        <input type="radio" name=${`conflict-${name}`} checked=${(chosen[name] ?? "mine") === whose}
          onChange=${() => set({ ...chosen, [name]: whose })} />
        <span>${(whose === "mine" ? mine : theirs)[name] || html`<i>${t("none")}</i>`}</span>
      </label>
    </td>`;
  const others = Object.keys(theirs).filter((name) => theirs[name] !== before[name] && !asked.includes(name));
  return html`
    <${Dialog} title=${t("conflict.title")} close=${leave}>
      <p>${t("conflict.what")}</p>
      <form onSubmit=${submit}>
        <div class="scroll">
          <table>
            <thead><tr><th scope="col">${t("conflict.field")}</th><th scope="col">${t("conflict.mine")}</th>
              <th scope="col">${t("conflict.theirs")}</th></tr></thead>
            <tbody>
              ${asked.map((name) => html`
                <tr key=${name}><th scope="row">${label(name)}</th>${cell(name, "mine")}${cell(name, "theirs")}</tr>`)}
              ${others.map((name) => html`
                <tr key=${name}><th scope="row">${label(name)}</th><td class="muted">${t("conflict.untouched")}</td>
                  <td>${theirs[name] || html`<i>${t("none")}</i>`}</td></tr>`)}
            </tbody>
          </table>
        </div>
        <div class="actions">
          <button class="primary">${t("conflict.save")}</button>
          <button type="button" onClick=${leave}>${t("conflict.leave")}</button>
        </div>
      </form>
    <//>`;
}
