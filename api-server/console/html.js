// What every module draws with: Preact, signals and htm, which are in `vendor`.
import { h } from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";

export { render } from "./vendor/preact.mjs";
export { useEffect, useId, useMemo, useRef, useState } from "./vendor/hooks.mjs";
export { computed, effect, signal } from "./vendor/signals.mjs";

/** @typedef {any} Node What htm makes: vnodes, lists of them, texts. */

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(/** @type {any} */ (h));
