// A thing with a version in a form: read, made, and changed under the version that the form began with.
import { html, useEffect, useRef, useState } from "./html.js";
import { get } from "./api.js";
import { useChange } from "./change.js";
import { Conflict } from "./conflict.js";
import { Field } from "./parts.js";
import { useChanges } from "./poll.js";
import { may } from "./session.js";
import { t } from "./text/text.js";

/** @typedef {Record<string, string>} Fields */
/**
 * @template T
 * @typedef {object} Kind
 * @property {string} path Of the list, such as /products; one is below it.
 * @property {string} screen What its addresses begin with, and the keys of its texts.
 * @property {string[]} names Its fields.
 * @property {(one: T) => Fields} fieldsOf
 * @property {(name: string, text: string) => unknown} sent What is sent for a field.
 */

/**
 * @template T
 * @param {Kind<T>} kind
 * @param {string} id `new` for one that is to be made.
 */
export function useRecord({ path, screen, names, fieldsOf, sent }, id) {
  const isNew = id === "new";
  const empty = Object.fromEntries(names.map((name) => [name, ""]));
  const [had, setHad] = useState(/** @type {{ one: T | null, etag: string | null, status: number | null }} */ ({ one: null, etag: null, status: null }));
  const [before, setBefore] = useState(empty);
  const [fields, setFields] = useState(empty);
  const [theirs, setTheirs] = useState(/** @type {{ one: T, etag: string | null } | null} */ (null));
  /** What it is by now, while somebody writes. */
  const [newer, setNewer] = useState(/** @type {{ one: T, etag: string | null } | null} */ (null));
  const change = useChange();

  /** The members that are to be other than they were. @param {Fields} from @param {Fields} to */
  const changes = (from, to) =>
    Object.fromEntries(names.filter((name) => sent(name, from[name]) !== sent(name, to[name])).map((name) => [name, sent(name, to[name])]));
  /** @param {T} one @param {string | null} etag */
  const take = (one, etag) => {
    setHad({ one, etag, status: 200 });
    setBefore(fieldsOf(one));
    setFields(fieldsOf(one));
    setNewer(null);
  };
  /** @returns {Promise<import("./types").Answer<T>>} */
  const read = () => get(`${path}/${id}`);
  const readAgain = () => read().then(({ body, etag, status }) => (body ? take(body, etag) : setHad({ one: null, etag: null, status })));
  useEffect(() => {
    if (!isNew) readAgain();
  }, [id]);

  const same = Object.keys(changes(before, fields)).length === 0;
  // As they are when an answer comes, which is later than when it was asked for.
  const at = useRef({ had, same, sending: false });
  at.current = { had, same, sending: change.fate === "sending" || theirs !== null };
  /** @param {T | null} one */
  const versionOf = (one) => /** @type {{ version?: number } | null} */ (one)?.version ?? 0;
  useChanges(/** @type {import("./poll.js").Change["kind"]} */ (screen), async (told) => {
    const version = versionOf(at.current.had.one);
    if (isNew || !version || (told && (told.get(id)?.version ?? 0) <= version)) return;
    const { body, etag } = await read();
    if (!body || at.current.sending || versionOf(body) <= versionOf(at.current.had.one)) return;
    // What somebody has typed stays, and they are told.
    if (at.current.same) take(body, etag);
    else setNewer({ one: body, etag });
  });

  const compare = async () => {
    const now = await read();
    if (now.body) setTheirs({ one: now.body, etag: now.etag });
  };
  /** @param {Fields} from @param {Fields} to @param {string | null} ifMatch */
  const save = async (from, to, ifMatch) => {
    const isDone = async () => {
      const now = (await read()).body;
      return now !== null && Object.keys(changes(fieldsOf(now), { ...fieldsOf(now), ...to })).length === 0;
    };
    const then = (/** @type {import("./types").Answer<T>} */ answer) => (answer.body ? take(answer.body, answer.etag) : readAgain());
    if (await change.run({ method: "PATCH", path: `${path}/${id}`, body: changes(from, to), ifMatch }, { then, isDone }) === "moved") await compare();
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isNew) return save(before, fields, had.etag);
    change.run({ method: "POST", path, body: changes(empty, fields) }, { then: ({ body }) => (location.hash = `#/${path.slice(1)}/${body.id}`) });
  };
  const writes = isNew ? may("POST", path) : may("PATCH", `${path}/{id}`);
  const label = (/** @type {string} */ name) => t(`${screen}.${name}`);
  return {
    isNew, writes, submit, readAgain, before,
    one: had.one, etag: had.etag, status: had.status,
    same: !isNew && same,
    newer: newer && !theirs && html`
      <p class="notice" role="status">${t("record.newer")}
        <button type="button" onClick=${() => setTheirs(newer)}>${t("record.compare")}</button></p>`,
    // Sent again after a lost answer it can be 412, too: by its own first try, or by somebody else.
    change: { ...change, again: async () => {
      const fate = await change.again();
      if (fate === "moved") await compare();
      return fate;
    } },
    /** @param {string} name @param {Record<string, any>} [more] */
    field: (name, more = {}) => html`
      <${Field} label=${label(name)} value=${fields[name]} readonly=${!writes}
        set=${(/** @type {string} */ text) => setFields({ ...fields, [name]: text })} ...${more} />`,
    conflict: theirs && html`
      <${Conflict} before=${before} mine=${fields} theirs=${fieldsOf(theirs.one)} label=${label}
        choose=${(/** @type {Fields} */ chosen) => {
          const base = theirs;
          setTheirs(null);
          take(base.one, base.etag);
          setFields(chosen);
          if (Object.keys(changes(fieldsOf(base.one), chosen)).length) save(fieldsOf(base.one), chosen, base.etag);
          else change.clear();
        }}
        leave=${() => {
          take(theirs.one, theirs.etag);
          setTheirs(null);
          change.clear();
        }} />`,
  };
}
