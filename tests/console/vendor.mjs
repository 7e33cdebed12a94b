// The libraries of the console, as npm has them but for what they import: a browser finds no bare names without an import map,
// which would be inline. `node vendor.mjs write` copies them and writes VENDORED.json; without `write` it compares.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";

const here = (/** @type {string} */ path) => new URL(path, import.meta.url);
const into = here("../../api-server/console/vendor/");
/** @type {Record<string, [string, string]>} */
const FILES = {
  "preact.mjs": ["preact", "dist/preact.mjs"],
  "hooks.mjs": ["preact", "hooks/dist/hooks.mjs"],
  "signals.mjs": ["@preact/signals", "dist/signals.mjs"],
  "signals-core.mjs": ["@preact/signals-core", "dist/signals-core.mjs"],
  "htm.mjs": ["htm", "dist/htm.mjs"],
};
/** @type {Record<string, string>} */
const NAMES = { "preact": "./preact.mjs", "preact/hooks": "./hooks.mjs", "@preact/signals-core": "./signals-core.mjs" };

const digest = (/** @type {string} */ text) => createHash("sha256").update(text).digest("hex");
/** The licences ask for this line in every copy. @type {Record<string, string>} */
const BANNERS = {
  "preact": "Copyright (c) 2015-present Jason Miller. MIT License",
  "@preact/signals": "Copyright (c) 2022-present Preact Team. MIT License",
  "@preact/signals-core": "Copyright (c) 2022-present Preact Team. MIT License",
  "htm": "Copyright 2018 Google Inc. Apache License 2.0",
};
/** What is imported by name becomes a file beside it; what leads to a map of the source goes. */
const ours = (/** @type {string} */ text) => text
  .replace(/from\s*"([^".][^"]*)"/g, (_, name) => `from"${NAMES[name] ?? fail(`${name} is not vendored`)}"`)
  .replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n");
const fail = (/** @type {string} */ text) => { throw new Error(text); };

/** @type {Record<string, unknown>} */
const record = {};
/** @type {string[]} */
const wrong = [];
const write = process.argv[2] === "write";
await mkdir(into, { recursive: true });
for (const [file, [name, path]] of Object.entries(FILES)) {
  const about = JSON.parse(await readFile(here(`node_modules/${name}/package.json`), "utf8"));
  const text = await readFile(here(`node_modules/${name}/${path}`), "utf8");
  const made = `/*! ${name} ${about.version}. ${BANNERS[name]}. Changed: names of imports. */\n` + ours(text);
  record[file] = {
    package: name, version: about.version, licence: about.license, from: path,
    sha256_there: digest(text), sha256: digest(made),
  };
  if (write) await writeFile(new URL(file, into), made);
  else if (await readFile(new URL(file, into), "utf8").catch(() => "") !== made) wrong.push(file);
}
const told = JSON.stringify(record, null, 2) + "\n";
if (write) await writeFile(new URL("VENDORED.json", into), told);
else if (await readFile(new URL("VENDORED.json", into), "utf8").catch(() => "") !== told) wrong.push("VENDORED.json");
if (wrong.length) {
  console.error(`not as npm has them, see tests/console/vendor.mjs: ${wrong.join(", ")}`);
  process.exit(1);
}
