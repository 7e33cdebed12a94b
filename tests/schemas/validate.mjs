// What ajv makes of the OpenAPI document: node validate.mjs DOCUMENT TABLE. Prints each difference; the last line are counts.
import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [document, table] = process.argv.slice(2);
const api = JSON.parse(readFileSync(document, "utf8"));
const ajv = new Ajv({ strict: false, allErrors: false, logger: false });
addFormats(ajv);
ajv.addSchema(api, "api");

const known = new Map();
// A schema anywhere in the document, which may refer to others.
const validator = (pointer) => {
  if (!known.has(pointer)) known.set(pointer, ajv.compile({ $ref: `api#${pointer}` }));
  return known.get(pointer);
};
const escaped = (name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));

let [wrong, looked] = [0, 0];
const compare = (what, pointer, value, expected) => {
  looked += 1;
  if (validator(pointer)(value) !== expected) {
    wrong += 1;
    console.log(`${what}: ${JSON.stringify(value)} is ${expected ? "refused" : "taken"}`);
  }
};

const ids = "0190a0a0-0000-7000-8000-000000000001";
const named = (value) => JSON.parse(JSON.stringify(value).replace(/\$(product|user|order)/g, ids));
for (const line of readFileSync(table, "utf8").trim().split("\n")) {
  const { schema, body, taken, words } = JSON.parse(line);
  // What words alone say is taken by the schema.
  compare(schema, `/components/schemas/${schema}`, named(body), taken || words !== undefined);
}
for (const name of ["NewProduct", "ProductChange"]) {
  for (let cents = 1; cents < 100000; cents += 1) {
    compare(`${name}, price`, `/components/schemas/${name}/properties/price`, cents / 100, true);
  }
}
// Every example of what is sent and answered.
const walk = (node, path) => {
  if (node === null || typeof node !== "object") return;
  if (node.schema !== undefined && node.example !== undefined && typeof node.example !== "string") {
    compare(path, `${path}/schema`, node.example, true);
  }
  for (const [name, value] of Object.entries(node)) {
    if (name !== "example" && name !== "schemas") walk(value, `${path}/${escaped(name)}`);
  }
};
walk(api, "");
console.log(`${looked} values, ${wrong} differences`);
process.exit(wrong === 0 && looked > 200000 ? 0 : 1);
