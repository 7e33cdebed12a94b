// Answers to the labs' questions, without a browser: the same cases as the program `lab` is held to.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { answer, isRight } from "../../api-server/console/ring/labs.js";
import { LABS } from "../../api-server/console/ring/questions.js";

const read = async (/** @type {string} */ name) => JSON.parse(await readFile(new URL(`../../docs/labs/${name}.json`, import.meta.url), "utf8"));
const cases = await read("cases");
assert.ok(cases.length >= 6);
for (const { question, answers, found, right, wrong } of cases) {
  const told = answer(question, answers);
  assert.deepEqual(told, found, JSON.stringify(question));
  for (const given of right) assert.ok(isRight(given, told), `${given} for ${JSON.stringify(question)}`);
  for (const given of wrong) assert.ok(!isRight(given, told), `${given} for ${JSON.stringify(question)}`);
}
assert.deepEqual(LABS, await read("questions"), "questions.js is made from questions.json");
