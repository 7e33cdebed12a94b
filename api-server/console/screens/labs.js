// The labs: what the ring does meanwhile, and the questions, whose answers are what the ring says at that moment.
import { html, useState } from "../html.js";
import { get } from "../api.js";
import { Field, Head } from "../parts.js";
import { useLive } from "../poll.js";
import { arcs } from "../ring/activity.js";
import { RingFigure } from "../ring/figure.js";
import { answer, isRight } from "../ring/labs.js";
import { LABS } from "../ring/questions.js";
import { read } from "../ring/reading.js";
import { Peers, Work } from "../ring/work.js";
import { language, number, t } from "../text/text.js";

/** @typedef {import("../ring/labs.js").Question} Question */

const LIVE = "/cluster/live";

/** What is asked of the API, with the ids of products in place of their skus. @param {string} path */
async function look(path) {
  const [whole, sku] = /\{id:([^}]*)\}/.exec(path) ?? [];
  let asked = path;
  if (whole) {
    /** @type {import("../types").Answer<{ id: string }[]>} */
    const found = await get("/products", { sku });
    if (!found.body?.length) return { asked, told: null, why: t("labs.nosku", { sku }) };
    asked = path.replace(whole, found.body[0].id);
  }
  /** @type {import("../types").Answer<unknown>} */
  const told = await get(asked);
  return { asked, told: told.body, why: told.ok ? "" : told.problem?.detail ?? t("unreachable") };
}

/** @param {{ question: Question, at: number }} given */
function Asked({ question, at }) {
  const [given, give] = useState("");
  const [said, say] = useState(/** @type {{ right: boolean, text: string, paths: string[] } | null} */ (null));
  const check = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const looks = await Promise.all(question.look.map(look));
    const wrong = looks.find(({ why }) => why);
    const right = !wrong && isRight(given, answer(question, looks.map(({ told }) => told)));
    say({ right, text: wrong?.why ?? t(right ? "labs.right" : "labs.wrong"), paths: right ? [] : looks.map(({ asked }) => asked) });
  };
  return html`
    <li>
      <form onSubmit=${check}>
        <p>${question[language.value]}</p>
        <${Field} label=${t("labs.answer", { n: at })} value=${given} set=${give} autocomplete="off" required />
        <div class="actions"><button class="primary">${t("labs.check")}</button></div>
        <div role="status">${said && html`
          <p class=${said.right ? "good" : "bad"}>${said.text}</p>
          ${said.paths.map((path) => html`<p key=${path}><code>${path}</code></p>`)}`}</div>
      </form>
    </li>`;
}

/** The ring as it is, for each of the labs. */
function Now() {
  const [shown, show] = useState(/** @type {string | null} */ (null));
  const nodes = useLive(/** @type {string} */ ("/cluster/nodes"), 1000, undefined, { path: LIVE, event: "nodes" });
  const ring = useLive("/cluster/ring", 2000);
  const told = useLive("/cluster/activity", 2000, undefined, { path: LIVE, event: "activity" });
  const all = /** @type {import("../types").ClusterNode[]} */ (nodes.value ?? []);
  const ranges = /** @type {import("../types").Ring | null} */ (ring.value);
  const activity = /** @type {import("../types").NodeActivity[]} */ (told.value ?? []);
  if (!all.length || !ranges) return html`<p class="muted" role="status">${t("loading")}</p>`;
  const { gone } = read(all, ranges, "LOCAL_QUORUM");
  return html`
    <div class="picture">
      <${RingFigure} nodes=${all} ring=${ranges} shown=${shown} show=${show} row=${null} lost=${gone} arcs=${arcs(activity, all)} />
      <p class="muted">${t("ring.help")}</p>
    </div>
    ${activity.length > 0 && html`<${Peers} activity=${activity} nodes=${all} /><${Work} activity=${activity} nodes=${all} />`}`;
}

export function LabsScreen() {
  return html`
    <${Head} title=${t("labs")} lead=${t("labs.lead")} />
    <ol class="labs">${LABS.map(({ name }) => html`<li key=${name}><a href=${`#/labs/${name}`}>${t(`labs.${name}`)}</a></li>`)}</ol>`;
}

/** @param {{ id: string }} given */
export function LabScreen({ id }) {
  const at = LABS.findIndex(({ name }) => name === id);
  const lab = LABS[at];
  if (!lab) return html`<${Head} title=${t("labs")} /><p>${t("lost")}</p>`;
  const page = `docs/labs/${language.value === "fr" ? "fr/" : ""}${id}.md`;
  return html`
    <${Head} title=${`${number(at + 1)}. ${t(`labs.${id}`)}`} lead=${t("labs.page", { page })} />
    <${Now} />
    <section class="card">
      <h2>${t("labs.questions")}</h2>
      <p class="muted">${t("labs.when")}</p>
      <ol>${lab.questions.map((question, n) => html`<${Asked} key=${question.en} question=${question} at=${n + 1} />`)}</ol>
    </section>
    <p><a href="#/labs">${t("labs.all")}</a></p>`;
}
