// Whole tables as CSV: tried, taken in line by line, and given out.
import { html, useEffect, useState } from "../html.js";
import { send } from "../api.js";
import { Choice, Field, Figure, Head } from "../parts.js";
import { may } from "../session.js";
import { number, t, time } from "../text/text.js";

/** @typedef {import("../types").Import} Import */
/** @typedef {import("../types").ImportReport} Report */

/** How often it is asked how far an import is. */
const EVERY = 1000;
const COUNTS = /** @type {const} */ (["lines", "created", "changed", "unchanged", "failed"]);
/** Kept in the tab, so that whoever comes back to this screen finds what is going on. */
const KEY = "store.import";

/** @param {{ report: Report, detail?: string }} given */
function Told({ report, detail }) {
  return html`
    ${detail && html`<p class="notice bad" role="alert">${detail}</p>`}
    <p role="status"><b>${t(report.dry_run ? "files.tried" : "files.done")}</b></p>
    <${Counts} of=${report} />
    ${report.errors.length > 0 && html`
      <div class="scroll">
        <table>
          <caption class="hidden">${t("files.errors")}</caption>
          <thead><tr><th scope="col" class="n">${t("files.line")}</th><th scope="col">${t("files.column")}</th><th scope="col">${t("files.wrong")}</th></tr></thead>
          <tbody>
            ${report.errors.map(({ line, column, code, detail }) => html`
              <tr><th scope="row" class="n">${number(line)}</th><td>${column && html`<code>${column}</code>`}</td><td>${detail} <small><code>${code}</code></small></td></tr>`)}
          </tbody>
        </table>
      </div>`}`;
}

const Counts = (/** @type {{ of: Record<typeof COUNTS[number], number> }} */ { of }) => html`
  <div class="figures">${COUNTS.map((name) => html`<${Figure} key=${name} name=${t(`files.${name}`)}>${number(of[name])}<//>`)}</div>`;

/** One import, from when it was begun. @param {{ id: string }} given */
function Going({ id }) {
  const [had, set] = useState(/** @type {{ one: Import | null, status: number }} */ ({ one: null, status: -1 }));
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const look = async () => {
      /** @type {import("../types").Answer<Import>} */
      const { body, status } = await send({ method: "GET", path: `/imports/${id}`, quiet: true }, stop.signal);
      if (stop.signal.aborted) return;
      set((before) => ({ one: body ?? before.one, status }));
      if (body ? body.state === "running" : status !== 404) timer = setTimeout(look, EVERY);
    };
    look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [id]);
  const { one, status } = had;
  if (!one) return html`<p role="status">${t(status === 404 ? "files.forgotten" : status === -1 ? "loading" : "unreachable")}</p>`;
  const answer = /** @type {any} */ (one.answer);
  const report = /** @type {Report | undefined} */ (answer?.report ?? (answer?.errors && "dry_run" in answer ? answer : undefined));
  return html`
    <section class="card" aria-label=${t("files.import")}>
      <h2>${t(`kind.file.${one.kind}`)} · ${time(one.started_at)}</h2>
      ${one.state === "running" && html`
        <p role="status">${t("files.running", { n: one.progress.lines })}</p>
        <progress aria-label=${t("files.import")}></progress>
        <${Counts} of=${one.progress} />`}
      ${one.state === "lost" && html`<p class="notice bad" role="alert">${one.detail}</p><${Counts} of=${one.progress} />`}
      ${one.state === "ended" && (report
        ? html`<${Told} report=${report} detail=${one.status === 200 ? undefined : answer.detail} />`
        : html`<p class="notice bad" role="alert">${answer?.detail ?? one.status}</p>`)}
    </section>`;
}

function Take() {
  const [kind, setKind] = useState("products");
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [only, setOnly] = useState(false);
  const [reference, setReference] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const [id, setId] = useState(sessionStorage.getItem(KEY) ?? "");
  /** @param {boolean} dry */
  const go = async (dry) => {
    if (!file) return;
    setBusy(true);
    setWrong("");
    const query = { ...(dry && { dry_run: "true" }), ...(kind === "stocks" ? { reference: reference.trim() } : only && { update_only: "true" }) };
    const answer = await send({ method: "POST", path: `/${kind}/import`, query, file, prefer: "respond-async" });
    setBusy(false);
    const begun = /** @type {Import | null} */ (answer.body);
    if (!begun) {
      // A line is done once, however often it is sent: of a product it says what it becomes, of a stock under its reference.
      return setWrong(answer.problem?.detail ?? t("files.unknown"));
    }
    sessionStorage.setItem(KEY, begun.id);
    setId(begun.id);
  };
  const ready = file !== null && (kind === "products" || reference.trim() !== "") && !busy;
  return html`
    <form class="card" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); go(false); }}>
      <h2>${t("files.import")}</h2>
      <p class="muted">${t(`files.lead.${kind}`)}</p>
      <div class="line">
        <${Choice} label=${t("files.kind")} value=${kind} set=${setKind} options=${["products", "stocks"].map((name) => [name, t(`kind.file.${name}`)])} />
        <div class="field"><label for="file">${t("files.file")}</label>
          <input id="file" type="file" accept=".csv,text/csv" required onChange=${(/** @type {any} */ event) => setFile(event.currentTarget.files[0] ?? null)} /></div>
        ${kind === "stocks" && html`
          <${Field} label=${t("stock.reference")} hint=${t("files.reference.hint")} value=${reference} set=${setReference} required maxlength="100" spellcheck="false" />`}
      </div>
      ${kind === "products" && html`
        <label class="choice"><input type="checkbox" checked=${only} onChange=${() => setOnly(!only)} /> ${t("files.only")}</label>`}
      <div class="actions">
        <button type="button" disabled=${!ready} onClick=${() => go(true)}>${t("files.try")}</button>
        <button class="primary" disabled=${!ready}>${t("files.go")}</button>
      </div>
      <div role="status">${busy && t("change.sending")}${wrong && html`<p class="bad">${wrong}</p>`}</div>
    </form>
    ${id && html`<${Going} key=${id} id=${id} />`}`;
}

function Give() {
  const [wrong, setWrong] = useState("");
  /** @param {string} kind */
  const save = async (kind) => {
    setWrong("");
    const answer = await send({ method: "GET", path: `/${kind}/export`, download: true });
    if (!answer.file) return setWrong(answer.problem?.detail ?? t("unreachable"));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(answer.file);
    link.download = `${kind}-${new Date().toISOString().slice(0, 10)}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return html`
    <section class="card">
      <h2>${t("files.export")}</h2>
      <p class="muted">${t("files.export.lead")}</p>
      <div class="actions">
        ${["products", "stocks"].filter((kind) => may("GET", `/${kind}/export`)).map((kind) => html`
          <button key=${kind} type="button" onClick=${() => save(kind)}>${t(`kind.file.${kind}`)}</button>`)}
      </div>
      <div role="status">${wrong && html`<p class="bad">${wrong}</p>`}</div>
    </section>`;
}

export const FilesScreen = () => html`<${Head} title=${t("files")} lead=${t("files.lead")} /><${Take} /><${Give} />`;
