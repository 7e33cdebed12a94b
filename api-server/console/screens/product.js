// One product: made, or changed under the version that the form began with.
import { html, useEffect, useState } from "../html.js";
import { get } from "../api.js";
import { Outcome, useChange } from "../change.js";
import { Conflict } from "../conflict.js";
import { Field, Head } from "../parts.js";
import { may } from "../session.js";
import { t } from "../text/text.js";

/** @typedef {import("../types").Product} Product */
/** @typedef {Record<string, string>} Fields */

const NAMES = ["name", "sku", "price", "brand", "category", "description"];
/** @type {Fields} */
const EMPTY = Object.fromEntries(NAMES.map((name) => [name, ""]));

/** @param {Product} product @returns {Fields} */
const fieldsOf = (product) => ({
  ...EMPTY,
  name: product.name, sku: product.sku, price: product.price.toFixed(2),
  brand: product.brand ?? "", category: product.category ?? "", description: product.description ?? "",
});

/** What is sent for a field: a number for a price, however it was typed, and null for what is left empty. @param {string} name @param {string} text */
const sent = (name, text) => {
  if (name !== "price") return text.trim() || null;
  const value = Number(text.trim().replace(",", "."));
  // What is no number goes as it is: the API says what is wrong with it.
  return text.trim() && Number.isFinite(value) ? value : text;
};

/** The members that are to be other than they were. @param {Fields} before @param {Fields} after */
const changes = (before, after) =>
  Object.fromEntries(NAMES.filter((name) => sent(name, before[name]) !== sent(name, after[name])).map((name) => [name, sent(name, after[name])]));

/** @param {{ id: string }} given `new` for one that is to be made. */
export function ProductScreen({ id }) {
  const isNew = id === "new";
  const [had, setHad] = useState(/** @type {{ product: Product | null, etag: string | null, status: number | null }} */ ({ product: null, etag: null, status: null }));
  const [before, setBefore] = useState(EMPTY);
  const [fields, setFields] = useState(EMPTY);
  const [theirs, setTheirs] = useState(/** @type {{ product: Product, etag: string | null } | null} */ (null));
  const change = useChange();

  /** @param {Product} product @param {string | null} etag */
  const take = (product, etag) => {
    setHad({ product, etag, status: 200 });
    setBefore(fieldsOf(product));
    setFields(fieldsOf(product));
  };
  /** @returns {Promise<import("../types").Answer<Product>>} */
  const read = () => get(`/products/${id}`);
  useEffect(() => {
    if (isNew) return;
    read().then(({ body, etag, status }) => (body ? take(body, etag) : setHad({ product: null, etag: null, status })));
  }, [id]);

  /** @param {Fields} from @param {Fields} to @param {string | null} ifMatch */
  const save = async (from, to, ifMatch) => {
    const body = changes(from, to);
    const isDone = async () => {
      const now = (await read()).body;
      return now !== null && Object.keys(changes(fieldsOf(now), { ...fieldsOf(now), ...to })).length === 0;
    };
    const then = (/** @type {import("../types").Answer<Product>} */ answer) => {
      if (answer.body) take(answer.body, answer.etag);
      else read().then((now) => now.body && take(now.body, now.etag));
    };
    if (await change.run({ method: "PATCH", path: `/products/${id}`, body, ifMatch }, { then, isDone }) === "moved") await compare();
  };
  const compare = async () => {
    const now = await read();
    if (now.body) setTheirs({ product: now.body, etag: now.etag });
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isNew) return save(before, fields, had.etag);
    const body = Object.fromEntries(Object.entries(changes(EMPTY, fields)));
    change.run({ method: "POST", path: "/products", body }, { then: ({ body }) => (location.hash = `#/products/${body.id}`) });
  };
  // Sent again after a lost answer it can be 412, too: by its own first try, or by somebody else.
  const again = { ...change, again: async () => {
    const fate = await change.again();
    if (fate === "moved") await compare();
    return fate;
  } };

  const back = /** @type {[string, string]} */ (["#/products", t("products")]);
  if (!isNew && !had.product) {
    const text = had.status === null ? t("loading") : had.status === 404 ? t("product.gone") : t("unreachable");
    return html`<${Head} title=${t("products")} back=${back} /><p role="status">${text}</p>`;
  }
  const writes = isNew ? may("POST", "/products") : may("PATCH", "/products/{id}");
  const archived = had.product?.archived_at;
  const same = !isNew && Object.keys(changes(before, fields)).length === 0;
  /** @param {string} name @param {Record<string, any>} [more] */
  const field = (name, more = {}) => html`
    <${Field} label=${t(`product.${name}`)} value=${fields[name]} readonly=${!writes || Boolean(archived)}
      set=${(/** @type {string} */ text) => setFields({ ...fields, [name]: text })} ...${more} />`;
  return html`
    <${Head} title=${isNew ? t("product.new") : before.name} back=${back} lead=${archived && t("product.archived")}>
      ${!isNew && may("GET", "/cluster/placement") && html`<a class="button" href=${`#/ring/products:${id}`}>${t("ring.go")}</a>`}
      ${!isNew && may("GET", "/stocks/{product_id}") && html`<a class="button" href=${`#/stock/${id}`}>${t("product.stock")}</a>`}
    <//>
    <form class="card" onSubmit=${submit}>
      <div class="columns">
        ${field("name", { required: true, maxlength: 150 })}
        ${field("sku", { required: true, maxlength: 64, spellcheck: false })}
        ${field("price", { required: true, inputmode: "decimal", hint: t("product.price.hint") })}
        ${field("category", { maxlength: 100 })}
        ${field("brand", { maxlength: 150 })}
      </div>
      ${field("description", { rows: 4 })}
      ${writes && !archived && html`
        <div class="actions">
          <button class="primary" disabled=${change.fate === "sending" || same}>${t(isNew ? "product.create" : "product.save")}</button>
          ${same && change.fate === "idle" && html`<span class="muted">${t("product.same")}</span>`}
        </div>`}
      <${Outcome} change=${again} done=${had.product && t("product.saved", { n: had.product.version })} />
    </form>
    ${theirs && html`
      <${Conflict} before=${before} mine=${fields} theirs=${fieldsOf(theirs.product)} label=${(/** @type {string} */ name) => t(`product.${name}`)}
        choose=${(/** @type {Fields} */ chosen) => {
          const base = theirs;
          setTheirs(null);
          take(base.product, base.etag);
          setFields(chosen);
          if (Object.keys(changes(fieldsOf(base.product), chosen)).length) save(fieldsOf(base.product), chosen, base.etag);
          else change.clear();
        }}
        leave=${() => {
          take(theirs.product, theirs.etag);
          setTheirs(null);
          change.clear();
        }} />`}`;
}
