// What a ring tells, without a browser: the pure functions of the console.
import assert from "node:assert/strict";
import { conflicts } from "../../api-server/console/versions.js";
import { places, read, required, share, turn } from "../../api-server/console/ring/reading.js";

const MIN = -(2n ** 63n);
/** A node in a datacenter. @param {string} id @param {string} datacenter @param {"UP" | "DOWN"} [state] */
const node = (id, datacenter, state = "UP") => /** @type {any} */ ({ host_id: id, address: id, datacenter, rack: "r1", state, tokens: ["1", "2"] });
/** A ring of as many ranges of one size as there are lists of replicas. @param {string[][]} replicas */
const ring = (...replicas) => {
  const size = 2n ** 64n / BigInt(replicas.length || 1);
  const at = (/** @type {number} */ n) => String(MIN + size * BigInt(n % replicas.length));
  return /** @type {any} */ ({ ranges: replicas.map((ids, n) => ({ start: at(n), end: at(n + 1), replicas: ids })) });
};

assert.equal(turn(String(MIN)), 0);
assert.equal(turn("0"), 0.5);
assert.equal(share({ start: "0", end: "0" }), 1, "one token has all of it");
assert.equal(share({ start: String(2n ** 62n), end: String(-(2n ** 62n)) }), 0.5, "around the end");

assert.deepEqual(["ONE", "TWO", "QUORUM", "LOCAL_QUORUM", "ALL", "LOCAL_ONE"].map((level) => required(level, 3)), [1, 2, 2, 2, 3, 1]);
assert.equal(required("QUORUM", 0), 0);

const three = (/** @type {"UP" | "DOWN"} */ c) => [node("a", "x"), node("b", "x"), node("c", "x", c)];
const all = ring(["a", "b", "c"], ["b", "c", "a"]);
let told = read(three("UP"), all, "LOCAL_QUORUM");
assert.deepEqual([told.margin, told.lost, told.by.get("a")], [1, 0, { keeps: 1, first: 0.5, cost: 0 }]);
told = read(three("DOWN"), all, "LOCAL_QUORUM");
assert.deepEqual([told.margin, told.lost, told.by.get("a")?.cost, told.by.get("c")?.cost], [0, 0, 1, 0]);
told = read(three("DOWN"), all, "ALL");
assert.deepEqual([told.margin, told.lost], [-1, 1]);
assert.equal(read(three("DOWN"), all, "ONE").margin, 1);

// One replica each: whichever goes, its rows do.
told = read([node("a", "x"), node("b", "x", "DOWN")], ring(["a"], ["b"], ["a"], ["a"]), "QUORUM");
assert.deepEqual([told.margin, told.lost, told.gone.size, told.by.get("a")?.cost], [-1, 0.25, 1, 0.75]);

// Each datacenter by itself at a local level, both together at the other.
const two = [node("a", "x"), node("b", "x", "DOWN"), node("c", "y"), node("d", "y")];
const both = ring(["a", "b", "c", "d"]);
assert.equal(read(two, both, "LOCAL_QUORUM").margin, -1, "two replicas of x, of which a quorum is both");
assert.equal(read(two, both, "QUORUM").margin, 0);
assert.equal(read([], ring(), "QUORUM").margin, 0, "without ranges there is nothing to promise");

const tokened = (/** @type {string} */ id, /** @type {string} */ token) => ({ ...node(id, "x"), tokens: [token] });
assert.deepEqual([...places([tokened("a", "0"), tokened("b", String(MIN))])], [["a", 0.5], ["b", 0]], "at their tokens");
assert.deepEqual([...places([node("b", "y"), node("a", "x")])], [["a", 0.25], ["b", 0.75]], "by place");

assert.deepEqual(conflicts({ n: "1", p: "2", q: "3" }, { n: "1", p: "9", q: "8" }, { n: "7", p: "5", q: "8" }), ["p"]);
console.log("what the ring tells holds");
