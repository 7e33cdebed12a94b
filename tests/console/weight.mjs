// What the console weighs when it is compressed: all that a browser loads, in the heavier language, as the API sends it. More
// than the budget fails it.
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { sent } from "./sent.mjs";

const BUDGET = 45_000;
/** Of the dictionaries one is loaded. */
const LIGHTER = "en.js";
const root = fileURLToPath(new URL("../../api-server/console/", import.meta.url));
let all = 0;
let raw = 0;
let files = 0;
for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name === LIGHTER || !/\.(js|mjs|css|svg|html)$/.test(entry.name)) continue;
  const text = sent(entry.name, await readFile(`${entry.parentPath}/${entry.name}`, "utf8"));
  const weight = gzipSync(text, { level: 9 }).length;
  all += weight;
  raw += text.length;
  files += 1;
  if (process.argv[2]) console.log(`${String(weight).padStart(7)}  ${entry.parentPath.slice(root.length)}/${entry.name}`);
}
console.log(`${files} files, ${raw} bytes, ${all} compressed of ${BUDGET}`);
process.exit(files < 20 || all > BUDGET ? 1 : 0);
