// One user: made, changed and erased.
import { html, useState } from "../html.js";
import { Outcome, useChange } from "../change.js";
import { Dialog, Head } from "../parts.js";
import { useRecord } from "../record.js";
import { may } from "../session.js";
import { t, time } from "../text/text.js";

/** @type {import("../record.js").Kind<import("../types").User>} */
const USER = {
  path: "/users",
  screen: "user",
  names: ["name", "email"],
  fieldsOf: ({ name, email }) => ({ name, email }),
  sent: (_, text) => text.trim(),
};

/** @param {{ id: string }} given `new` for one that is to be made. */
export function UserScreen({ id }) {
  const record = useRecord(USER, id);
  const { isNew, one, etag, status, change, same, field, writes } = record;
  const [sure, setSure] = useState(false);
  const erasing = useChange();
  const erased = erasing.fate === "done" || erasing.fate === "before";
  const back = /** @type {[string, string]} */ (["#/users", t("users")]);
  if (erased || (!isNew && !one)) {
    const text = erased ? t("user.erased") : status === null ? t("loading") : status === 404 ? t("user.gone") : t("unreachable");
    return html`<${Head} title=${t("users")} back=${back} /><p role="status">${text}</p>`;
  }
  const erase = async () => {
    setSure(false);
    // A second try that finds nobody met its own first one.
    const fate = await erasing.run({ method: "DELETE", path: `/users/${id}`, ifMatch: etag });
    if (fate === "moved") await record.readAgain();
  };
  return html`
    <${Head} title=${isNew ? t("user.new") : record.before.name} back=${back}
      lead=${one && t("user.lead", { time: time(one.created_at), version: one.version })}>
      ${!isNew && may("GET", "/cluster/placement") && html`<a class="button" href=${`#/ring/users:${id}`}>${t("ring.go")}</a>`}
      ${!isNew && may("DELETE", "/users/{id}") && html`<button onClick=${() => setSure(true)}>${t("user.erase")}</button>`}
    <//>
    ${erasing.fate === "moved" && html`<p class="notice bad" role="alert">${t("change.moved")}</p>`}
    <${Outcome} change=${erasing} />
    <form class="card" onSubmit=${record.submit}>
      <div class="columns">
        ${field("name", { required: true, maxlength: 150, autocomplete: "off" })}
        ${field("email", { required: true, maxlength: 254, type: "email", autocomplete: "off", spellcheck: false })}
      </div>
      ${writes && html`
        <div class="actions">
          <button class="primary" disabled=${change.fate === "sending" || same}>${t(isNew ? "product.create" : "product.save")}</button>
          ${same && change.fate === "idle" && html`<span class="muted">${t("product.same")}</span>`}
        </div>`}
      <${Outcome} change=${change} done=${one && t("product.saved", { n: one.version })} />
    </form>
    ${record.conflict}
    ${sure && html`
      <${Dialog} title=${t("user.erase")} close=${() => setSure(false)}>
        <p>${t("user.erase.sure", { name: record.before.name })}</p>
        <div class="actions"><button class="primary danger" onClick=${erase}>${t("user.erase.go")}</button>
          <button onClick=${() => setSure(false)}>${t("cancel")}</button></div>
      <//>`}`;
}
