// What a ring tells, without a browser: the pure functions of the console.
import assert from "node:assert/strict";
import { arcs, bare, seen, stale } from "../../api-server/console/ring/activity.js";
import { reader } from "../../api-server/console/events.js";
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
// Addresses as Cassandra writes them, of both kinds.
assert.deepEqual(["/10.0.0.2:7000", "10.0.0.2", "host/10.0.0.2:7000", "[fe80::1]:7000", "fe80::1"].map(bare), ["10.0.0.2", "10.0.0.2", "10.0.0.2", "fe80::1", "fe80::1"]);
/** @param {string} id @param {any} told */
const tells = (id, told) => /** @type {any} */ ({ host_id: id, address: id, peers: [], hints: [], streams: [], tasks: [], outbound: [], ...told });
const stream = (/** @type {string} */ peer, /** @type {any} */ more) => ({ id: "s", operation: "Bootstrap", peers: [`/${peer}:7000`], status: "start", bytes_to_send: 9, bytes_to_receive: 0, ...more });
const pair = [node("a", "x"), node("b", "x")];
const both_ = [tells("a", { streams: [stream("b", {})], hints: [{ host_id: "b", files: 1 }, { host_id: "c", files: 0 }] }), tells("b", { streams: [stream("a", { bytes_to_send: 0, bytes_to_receive: 9 })] })];
assert.deepEqual(arcs(both_, pair).map(({ from, to, kind }) => `${from}${to} ${kind}`), ["ab hint", "ab stream"], "a stream that both ends tell of is one");
assert.deepEqual(arcs([tells("a", { streams: [stream("b", { status: "success" }), stream("a", {}), stream("nobody", {})] })], pair), []);
assert.equal(arcs([tells("a", { streams: [stream("b", { operation: "Repair" })] })], pair)[0].kind, "repair");
const sees = (/** @type {number | null} */ silent_ms, id = "b") => seen(tells("a", { peers: [{ host_id: id, address: id, status: "NORMAL", silent_ms }] }), node(id, "x"));
assert.deepEqual([sees(null), sees(20_000), sees(20_000, "a")], [false, true, false].map((silent) => ({ status: "NORMAL", silent })));
assert.equal(seen(tells("a", {}), node("b", "x")), null);
const copy = (/** @type {string} */ host_id, /** @type {any} */ rows) => /** @type {any} */ ({ host_id, rows });
assert.deepEqual([...stale([copy("a", [{ version: 2 }]), copy("b", [{ version: 1 }]), copy("c", null), copy("d", [])])], ["b", "d"], "who did not answer is not old");
assert.deepEqual([...stale([copy("a", []), copy("b", [])])], []);
// Events, in whatever pieces they come and whichever ends their lines have.
const events = ": here\n\nid: 7\nevent: change\ndata: {\"a\":\ndata: 1}\n\nretry: 5\nid: 8\n\n:\n\ndata: x:y\r\n\r\nid\rdata:z\r\r";
for (const size of [1, 2, 3, 7, 1000]) {
  /** @type {any[]} */
  const told = [];
  const take = reader((one) => told.push(one));
  for (let at = 0; at < events.length; at += size) take(events.slice(at, at + size));
  take("\n");
  assert.deepEqual(told, [
    { id: "7", event: "change", data: '{"a":\n1}' }, { id: "8", event: "message", data: "" }, { id: null, event: "message", data: "x:y" }, { id: "", event: "message", data: "z" },
  ], `in pieces of ${size}`);
}
assert.throws(() => reader(() => {})("x".repeat(5_000_000)), /too long/);
console.log("what the ring tells holds");
