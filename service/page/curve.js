// The count over thresholds, drawn as a staircase: wide steps are numbers that can be trusted.

import { svg } from "./dom.js";
import { number, t } from "./i18n.js";

const HEIGHT = 150;
const TOP = 14;
const BOTTOM = 24; // for the labels of the axis
const SIDE = 13; // half the slider's thumb, so that thumb and marker are above each other
const TICKS = [0, 0.1, 0.2, 0.3, 0.4];
const DEFAULT = 0.2;

/** The plot of a /persons document, with the marker at `threshold`. */
export function curvePlot(found, threshold, width) {
  const points = found.curve;
  const counts = points.map((point) => point.person_num);
  const [low, high] = [Math.min(...counts), Math.max(...counts)];
  const scale = scales(points, low, high, width);
  const range = plateau(found, threshold);
  return svg("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img",
    "aria-label": t("curveLabel", { low, high }),
  }, range && band(scale, range), grid(scale, counts), staircase(scale, points, range), marker(scale, points, threshold));
}

/** Where values are drawn. The counts' axis is logarithmic: a step from 2 to 3 is seen beside 300. */
function scales(points, low, high, width) {
  const end = points.at(-1).threshold;
  const [bottom, top] = [Math.log(Math.max(low, 1)), Math.log(Math.max(high, low + 1, 2))];
  const x = (value) => SIDE + (width - 2 * SIDE) * Math.min(1, Math.max(0, value / end));
  const share = (count) => (Math.log(Math.max(count, 1)) - bottom) / (top - bottom);
  return { x, y: (count) => HEIGHT - BOTTOM - 6 - (HEIGHT - TOP - BOTTOM - 6) * share(count), end };
}

/** The widest range around `threshold` with its count: exact if the document is about it. */
function plateau(found, threshold) {
  if (Number(found.threshold) === threshold) return found.stable_range;
  const points = found.curve;
  const here = points.findIndex((point) => Math.abs(point.threshold - threshold) < 1e-9);
  if (here < 0) return null;
  let [from, to] = [here, here];
  while (from > 0 && points[from - 1].person_num === points[here].person_num) from -= 1;
  while (to + 1 < points.length && points[to + 1].person_num === points[here].person_num) to += 1;
  return [points[from].threshold, points[to].threshold];
}

function band(scale, [low, high]) {
  const left = scale.x(low);
  const width = Math.max(2, scale.x(high) - left);
  return svg("rect", { class: "curve-band", x: left, y: 0, width, height: HEIGHT - BOTTOM, rx: 4 });
}

function grid(scale, counts) {
  const base = HEIGHT - BOTTOM;
  const parts = [svg("line", { class: "curve-axis", x1: 0, x2: scale.x(scale.end) + SIDE, y1: base, y2: base })];
  for (const at of TICKS) {
    const label = svg("text", { class: "curve-label", x: scale.x(at), y: HEIGHT - 7, "text-anchor": "middle" });
    label.textContent = at === 0 ? "0" : number(at, 1);
    parts.push(svg("line", { class: "curve-axis", x1: scale.x(at), x2: scale.x(at), y1: base, y2: base + 4 }), label);
  }
  parts.push(svg("line", { class: "curve-default", x1: scale.x(DEFAULT), x2: scale.x(DEFAULT), y1: TOP, y2: base }));
  for (const [count, anchor, at] of [[counts[0], "start", 0], [counts.at(-1), "end", scale.end]]) {
    const label = svg("text", {
      class: "curve-count", x: scale.x(at), y: scale.y(count) - 6, "text-anchor": anchor,
    });
    label.textContent = number(count);
    parts.push(label);
  }
  return parts;
}

/**
 * Counts are known at the points; a step lies somewhere between two. The steps at the ends of
 * `range` are drawn where they are, the others halfway.
 */
function staircase(scale, points, range) {
  let path = `M ${scale.x(points[0].threshold)} ${scale.y(points[0].person_num)}`;
  for (let position = 1; position < points.length; position += 1) {
    const [before, here] = [points[position - 1], points[position]];
    if (before.person_num === here.person_num) continue;
    const exact = range?.find((edge) => edge >= before.threshold && edge <= here.threshold);
    const at = scale.x(exact ?? (before.threshold + here.threshold) / 2);
    path += ` H ${at} V ${scale.y(here.person_num)}`;
  }
  return svg("path", { class: "curve-line", d: `${path} H ${scale.x(scale.end)}` });
}

function marker(scale, points, threshold) {
  const here = points.find((point) => Math.abs(point.threshold - threshold) < 1e-9);
  const x = scale.x(threshold);
  return [
    svg("line", { class: "curve-marker", x1: x, x2: x, y1: 0, y2: HEIGHT - BOTTOM }),
    here ? svg("circle", { class: "curve-dot", cx: x, cy: scale.y(here.person_num), r: 5 }) : null,
  ];
}
