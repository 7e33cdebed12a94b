// What the console weighs when it is compressed, as the API sends it: what a page loads until its first screen is there, and all that
// it may ever load. More than the budget fails it.
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { isLazy, sent } from "./sent.mjs";

const FIRST = 45_000;
const ALL = 90_000;
/** The heaviest screen that a page may begin with, and the heavier one of the languages, of which one is loaded. */
const [SCREEN, LANGUAGE, OTHER] = ["screens/ring.js", "text/fr.js", "text/en.js"];
const root = fileURLToPath(new URL("../../api-server/console/", import.meta.url));
/** @type {Map<string, { weight: number, text: string }>} */
const files = new Map();
for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(js|mjs|css|svg|html)$/.test(entry.name)) continue;
  const name = `${entry.parentPath}/${entry.name}`.slice(root.length).replace(/^\//, "");
  const text = sent(entry.name, await readFile(`${entry.parentPath}/${entry.name}`, "utf8"));
  files.set(name, { weight: gzipSync(text, { level: 9 }).length, text });
}
/** What a module is loaded with. @param {string} name @param {Set<string>} found */
function closure(name, found) {
  const file = files.get(name);
  if (found.has(name) || !file) return found;
  found.add(name);
  for (const [, path] of file.text.matchAll(/(?:^|\n)(?:import|export)[^;]*? from ?"(\.[^"]+)"/g)) {
    closure(new URL(path, `file:///${name}`).pathname.slice(1), found);
  }
  return found;
}
const first = closure(SCREEN, new Set([...files.keys()].filter((name) => !isLazy(name))));
first.add(LANGUAGE);
for (const name of closure("main.js", new Set())) if (!first.has(name)) throw new Error(`${name} is loaded by main.js and not counted`);
const sum = (/** @type {Iterable<string>} */ names) => [...names].reduce((all, name) => all + (files.get(name)?.weight ?? 0), 0);
const all = sum([...files.keys()].filter((name) => name !== OTHER));
if (process.argv[2]) for (const [name, { weight }] of files) console.log(`${String(weight).padStart(7)} ${first.has(name) ? "first" : "     "} ${name}`);
console.log(`${first.size} files at first, ${sum(first)} compressed of ${FIRST}; ${files.size} in all, ${all} of ${ALL}`);
process.exit(first.size < 20 || sum(first) > FIRST || all > ALL ? 1 : 0);
