// The threshold: slider, number and curve show the same value; and the choices beside it.

import { curvePlot } from "./curve.js";
import { byId, el } from "./dom.js";
import { number, t } from "./i18n.js";
import { change, currentCount, currentDocument, state, whenChanged } from "./state.js";

const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i; // what the service takes
const DECIMALS = 3; // of the slider's steps
const RANGE_DECIMALS = 4; // of the stable range, beyond whose ends the count is another
const CHOICES = {
  faces: ["key", "all", "one"],
  linkage: ["evidence", "supported", "single", "average", "complete"],
};

export function startDial() {
  byId("slider").addEventListener("input", () => {
    change({ threshold: textOf(byId("slider").valueAsNumber) });
  });
  byId("threshold").addEventListener("input", typed);
  byId("threshold").addEventListener("blur", () => {
    byId("threshold").value = state.threshold;
    typed();
  });
  for (const name of Object.keys(CHOICES)) {
    byId(name).addEventListener("change", () => change({ [name]: byId(name).value }));
  }
  byId("min-photos").addEventListener("input", () => {
    const field = byId("min-photos");
    if (field.checkValidity() && field.value !== "") change({ minPhotos: field.value === "1" ? null : field.value });
  });
  new ResizeObserver(drawCurve).observe(byId("curve"));
  whenChanged(["files", "threshold", "faces", "linkage", "minPhotos", "answer", "language"], render);
  render();
}

/** A step of the slider as text: "0.2", "0.205"; exactly this is sent. */
function textOf(value) {
  return String(Number(value.toFixed(DECIMALS)));
}

function typed() {
  const text = byId("threshold").value.trim();
  const isGood = DECIMAL.test(text) && Number.isFinite(Number(text)) && Number(text) >= 0;
  byId("threshold").setAttribute("aria-invalid", String(!isGood));
  if (isGood) change({ threshold: text });
  renderNote(isGood);
}

function render() {
  byId("dial").hidden = state.files.length === 0;
  const slider = byId("slider");
  const field = byId("threshold");
  slider.value = state.threshold;
  if (document.activeElement !== field) {
    field.value = state.threshold;
    field.setAttribute("aria-invalid", "false");
  }
  const says = t("sliderSays", { threshold: state.threshold, count: currentCount() });
  slider.setAttribute("aria-label", t("threshold"));
  slider.setAttribute("aria-valuetext", says);
  renderNote(true);
  renderChoices();
  drawCurve();
}

function renderNote(isGood) {
  const found = currentDocument();
  const isForThreshold = found !== null && Number(found.threshold) === Number(state.threshold);
  const note = byId("threshold-note");
  note.classList.toggle("error-text", !isGood);
  if (!isGood) note.textContent = t("thresholdBad");
  else if (isForThreshold && found.person_num > 0) note.textContent = [stability(found), ...(found.beyond_measured ? [t("beyondMeasured")] : [])].join(" ");
  else note.textContent = "\u00a0"; // keeps the line, so that nothing jumps
}

/** One person stays one at every larger threshold; several become fewer somewhere, if only far out. */
function stability({ person_num: count, stable_range: [low, high], curve }) {
  const isOpen = count === 1 && high > curve.at(-1).threshold;
  const name = !isOpen ? "stable" : low > 0 ? "stableEnd" : "stableAlways";
  return t(name, { low: number(low, RANGE_DECIMALS), high: number(high, RANGE_DECIMALS) });
}

function renderChoices() {
  const found = currentDocument();
  for (const [name, values] of Object.entries(CHOICES)) {
    const options = values.map((value) => el("option", { value }, t(`${name}_${value}`)));
    byId(name).replaceChildren(...options);
    byId(name).value = state[name] ?? found?.[name] ?? state.answer?.document[name] ?? values[0];
  }
  if (document.activeElement !== byId("min-photos")) byId("min-photos").value = state.minPhotos ?? "1";
  byId("model").textContent = found === null
    ? "" : t("model", { model: found.model, distance: number(found.distance, DECIMALS) });
}

function drawCurve() {
  const found = currentDocument();
  const width = byId("curve").clientWidth;
  const plot = found === null || width === 0 ? [] : [curvePlot(found, Number(state.threshold), width)];
  byId("curve").replaceChildren(...plot);
}
