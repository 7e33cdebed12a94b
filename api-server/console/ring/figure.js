// The ring as a picture: ranges on the circle, nodes around it.
import { html } from "../html.js";
import { t } from "../text/text.js";
import { places, turn } from "./reading.js";

const CENTRE = 260;
const RING = 150;
const NODES = 196;

/** @param {number} at From 0 to 1, clockwise from the top. @param {number} radius @returns {[number, number]} */
const point = (at, radius) => {
  const angle = 2 * Math.PI * at;
  return [CENTRE + radius * Math.sin(angle), CENTRE - radius * Math.cos(angle)];
};
/** @param {[number, number]} given */
const text = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** An arc of the circle. @param {number} from @param {number} to */
function arc(from, to) {
  const length = to > from ? to - from : to - from + 1;
  // A whole circle in one arc would be none, and touching ones would look like one.
  const gap = Math.min(0.0012, length / 5);
  const [begin, end] = [from + gap, from + Math.min(length, 0.99999) - gap];
  return `M${text(point(begin, RING))}A${RING} ${RING} 0 ${end - begin > 0.5 ? 1 : 0} 1 ${text(point(end, RING))}`;
}

/**
 * @param {object} given
 * @param {import("../types").ClusterNode[]} given.nodes
 * @param {import("../types").Ring} given.ring
 * @param {string | null} given.shown Id of the node whose ranges are shown.
 * @param {(id: string | null) => void} given.show
 * @param {import("../types").Placement | null} given.row A row whose place is shown.
 * @param {import("./activity.js").Arc[]} given.arcs What moves between nodes.
 * @param {Set<string>} given.lost Ends of the ranges that are not served.
 */
export function RingFigure({ nodes, ring, shown, show, row, lost, arcs }) {
  const around = places(nodes);
  const holders = new Set(row?.replicas.map((replica) => replica.host_id));
  const down = new Set(nodes.filter((node) => node.state === "DOWN").map((node) => node.host_id));
  /** @param {import("../types").Ring["ranges"][number]} range */
  const kind = (range) => {
    if (shown) return range.replicas[0] === shown ? "first" : range.replicas.includes(shown) ? "kept" : "";
    return lost.has(range.end) ? "lost" : range.replicas.some((id) => down.has(id)) ? "less" : "";
  };
  const at = row && turn(row.token);
  const one = nodes.find((node) => node.host_id === shown);
  const [name, place] = one
    ? [one.address, [one.datacenter, one.rack].filter(Boolean).join(" ")]
    : [ring.keyspace, `${ring.ranges.length} ${t("ring.tokens").toLowerCase()}`];
  return html`
    <svg class="ring" viewBox="0 10 520 500" role="group" aria-label=${t("ring.figure")}>
      ${ring.ranges.map((range) => html`
        <path key=${range.end} class="range" data-kind=${kind(range)} d=${arc(turn(range.start), turn(range.end))}
          onMouseEnter=${() => show(range.replicas[0])} onMouseLeave=${() => show(null)} />`)}
      ${arcs.map(({ from, to, kind, name }) => {
        const [begin, end] = [from, to].map((id) => point(around.get(id) ?? 0, NODES - 18));
        // Side by side where both send, and never through the middle, where the words are.
        const bend = point(((around.get(from) ?? 0) + (around.get(to) ?? 0)) / 2 + 0.04, RING - 60);
        return html`<path key=${`${from}${to}${kind}${name}`} class="arc" data-kind=${kind} d=${`M${text(begin)}Q${text(bend)} ${text(end)}`} />`;
      })}
      ${at !== null && html`
        <g class="row">
          ${row?.replicas.map(({ host_id }) => html`
            <path key=${host_id} class="holds"
              d=${`M${text(point(at, RING))}Q${CENTRE} ${CENTRE} ${text(point(around.get(host_id) ?? 0, NODES - 18))}`} />`)}
          <path class="mark" d=${`M${text(point(at, RING - 14))}L${text(point(at, RING + 14))}`} />
        </g>`}
      ${nodes.map((node) => {
        const [x, y] = point(around.get(node.host_id) ?? 0, NODES);
        // Beside the node, but above or below it at the top and the bottom.
        const upright = Math.abs(x - CENTRE) < 40;
        const side = upright ? "middle" : x > CENTRE ? "start" : "end";
        const labelX = upright ? x : x + (x > CENTRE ? 22 : -22);
        const labelY = !upright ? y - 3 : y < CENTRE ? y - 38 : y + 34;
        const told = `${node.address}, ${node.datacenter ?? ""} ${node.rack ?? ""}, ${t(`status.${node.state}`)}`;
        return html`
          <g key=${node.host_id} class="node" tabindex="0" role="img" aria-label=${told}
            data-state=${node.state} data-shown=${shown === node.host_id || holders.has(node.host_id)}
            onMouseEnter=${() => show(node.host_id)} onMouseLeave=${() => show(null)}
            onFocus=${() => show(node.host_id)} onBlur=${() => show(null)}>
            <circle class="halo" cx=${x} cy=${y} r="20" />
            <circle class="dot" cx=${x} cy=${y} r="12" />
            ${node.state === "DOWN" && html`<path class="cross" d=${`M${x - 5} ${y - 5}l10 10m0 -10l-10 10`} />`}
            <text x=${labelX} y=${labelY} text-anchor=${side}>
              <tspan class="address">${node.address}</tspan>
              <tspan class="place" x=${labelX} dy="1.25em">${[node.datacenter, node.rack].filter(Boolean).join(" ")}</tspan>
            </text>
          </g>`;
      })}
      <text class="keyspace" x=${CENTRE} y=${CENTRE - 4} text-anchor="middle">${name}</text>
      <text class="place" x=${CENTRE} y=${CENTRE + 18} text-anchor="middle">${place}</text>
    </svg>`;
}
