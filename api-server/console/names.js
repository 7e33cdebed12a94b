// Names in the place of ids: of products all in one question, of people one each. What was learnt is kept until somebody else signs in.
import { effect, html, signal, useEffect, useState } from "./html.js";
import { ask, send, token } from "./api.js";

/** @typedef {{ name: string, detail: string }} Name */

/** @type {import("./vendor/signals.mjs").Signal<Record<string, Name | null>>} */
const known = signal({});

// The next viewer may be somebody who must not see them.
effect(() => {
  token.value;
  known.value = {};
});

/** @param {string} id @param {Name | null} name */
const learn = (id, name) => (known.value = { ...known.value, [id]: name });

/** @param {string[]} ids Products whose names are wanted. */
export function useProducts(ids) {
  const missing = [...new Set(ids)].filter((id) => !(id in known.peek()));
  useEffect(() => {
    if (!missing.length) return;
    for (const id of missing) learn(id, null);
    const parts = missing.map((id, at) => `p${at}: product(id: "${id}") { name sku }`);
    ask(`{ ${parts.join(" ")} }`, {}, { quiet: true }).then((answer) => {
      missing.forEach((id, at) => {
        const found = answer.body?.data?.[`p${at}`];
        if (found) learn(id, { name: found.name, detail: found.sku });
      });
    });
  }, [missing.join()]);
}

/**
 * What is in stock of products, by their ids: read once, and again with another version of what they stand in.
 * @param {string[]} ids
 * @param {number} version
 */
export function useStocks(ids, version) {
  const [stocks, set] = useState(/** @type {Record<string, number>} */ ({}));
  useEffect(() => {
    const stop = new AbortController();
    const parts = ids.map((id, at) => `p${at}: product(id: "${id}") { stockLevel { quantity } }`);
    if (ids.length) ask(`{ ${parts.join(" ")} }`, {}, { quiet: true, stop: stop.signal }).then(({ body }) => {
      if (stop.signal.aborted) return;
      set(Object.fromEntries(ids.flatMap((id, at) => {
        const level = body?.data?.[`p${at}`]?.stockLevel;
        return level ? [[id, level.quantity]] : [];
      })));
    });
    return () => stop.abort();
  }, [ids.join(), version]);
  return stocks;
}

/** @param {string} id The person whose name is wanted. */
export function usePerson(id) {
  useEffect(() => {
    if (id in known.peek()) return;
    learn(id, null);
    send({ method: "GET", path: `/users/${id}`, quiet: true }).then(({ body }) => {
      const user = /** @type {import("./types").User | null} */ (body);
      if (user) learn(id, { name: user.name, detail: user.email });
    });
  }, [id]);
}

/** The end of an id is what differs. @param {string} id */
export const short = (id) => "…" + id.slice(-8);

/** A name, or the end of the id until it is known. @param {{ id: string, detail?: boolean }} given */
export function Name({ id, detail }) {
  const name = known.value[id];
  if (!name) return html`<code title=${id}>${short(id)}</code>`;
  return html`<span title=${id}>${name.name}${detail && html` <small>${name.detail}</small>`}</span>`;
}

/** Who it was; a sale without a customer has nobody. @param {{ id: string | null, detail?: boolean }} given */
export function Person({ id, detail }) {
  return id === null ? html`<span>–</span>` : html`<${Known} id=${id} detail=${detail} />`;
}

/** @param {{ id: string, detail?: boolean }} given */
function Known({ id, detail }) {
  usePerson(id);
  return html`<${Name} id=${id} detail=${detail} />`;
}
