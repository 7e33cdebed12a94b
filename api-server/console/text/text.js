// Texts, numbers, prices and dates in the viewer's language.
import { signal } from "../html.js";

/** @typedef {"en" | "fr"} Language */
/** @typedef {Record<string, string>} Texts */

/** Loaded when they are spoken. @type {Record<Language, () => Promise<{ default: Texts }>>} */
const TEXTS = { en: () => import("./en.js"), fr: () => import("./fr.js") };
const KEPT = "store.language";

/** @returns {Language} */
const first = () => {
  const wanted = localStorage.getItem(KEPT) ?? navigator.language;
  return wanted.startsWith("fr") ? "fr" : "en";
};

export const language = signal(first());
/** Numbers and dates as the viewer's part of the world writes them, where the language is theirs. */
const locale = () => (navigator.language.startsWith(language.value) ? navigator.language : language.value);
let texts = (await TEXTS[language.value]()).default;

/** @param {Language} name */
export async function speak(name) {
  texts = (await TEXTS[name]()).default;
  localStorage.setItem(KEPT, name);
  language.value = name;
}

/**
 * A text, its `{names}` filled in. With `n` among them a key may have forms: `key.one` and `key.other`.
 * @param {string} key
 * @param {Record<string, string | number>} [given]
 */
export function t(key, given = {}) {
  // Read, so that whatever shows a text is drawn anew in another language.
  const spoken = language.value;
  const form = typeof given.n === "number" && texts[`${key}.${new Intl.PluralRules(spoken).select(given.n)}`];
  const text = form || texts[key] || texts[`${key}.other`] || key;
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = given[name] ?? "";
    return typeof value === "number" ? number(value) : value;
  });
}

/** @param {number} value */
export const number = (value) => value.toLocaleString(locale());
/** The store knows one currency and does not name it. @param {number} value */
export const price = (value) => value.toLocaleString(locale(), { minimumFractionDigits: 2, maximumFractionDigits: 2 });
/** A change: always with its sign. @param {number} value */
export const signed = (value) => value.toLocaleString(locale(), { signDisplay: "exceptZero" });
/** @param {number} value */
export const percent = (value) =>
  value.toLocaleString(locale(), { style: "percent", maximumFractionDigits: value > 0 && value < 0.1 ? 1 : 0 });
/** @param {string | number} at */
export const time = (at) => new Date(at).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
/** @param {number} at */
export const clock = (at) => new Date(at).toLocaleTimeString(locale());
