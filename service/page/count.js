// The number, large, and everything that has to be said beside it.

import { byId, el } from "./dom.js";
import { number, t } from "./i18n.js";
import { askSoon } from "./ask.js";
import { currentCount, currentDocument, state, whenChanged } from "./state.js";
import { tokenButton } from "./token.js";

const CALIBRATE = "person-count calibrate --library --dry-run";

let announced = "";

export function startCount() {
  whenChanged(["files", "threshold", "faces", "linkage", "minPhotos", "answer", "asking", "problem", "status", "language"], render);
  render();
}

function render() {
  const empty = state.files.length === 0;
  byId("hero").classList.toggle("is-empty", empty);
  byId("count").replaceChildren(...(empty ? welcome() : figure()));
  byId("notices").replaceChildren(...(empty ? [] : notices()));
  announce();
}

function welcome() {
  const steps = ["askStepChoose", "askStepJudge", "askStepTune"].map((name) => el("li", {}, t(name)));
  return [
    el("p", { class: "welcome" }, t("askHeading")),
    el("p", { class: "welcome-text" }, t("askText")),
    el("ol", { class: "steps" }, steps),
  ];
}

function figure() {
  const count = currentCount();
  const found = currentDocument();
  const files = found?.files.length ?? state.files.length; // folders hold several
  if (count === null) {
    const under = state.asking || state.problem === null;
    const waiting = state.status?.files.pending ?? 0;
    return [
      el("p", { class: "figure is-unknown", "aria-hidden": "true" }, under ? el("span", { class: "figure-bone" }) : "?"),
      el("p", { class: "figure-text" }, under ? t("counting") : t("unknownNumber")),
      under && waiting > 0 ? el("p", { class: "muted" }, t("countingAfter", { count: waiting })) : null,
    ].filter(Boolean);
  }
  const parts = [
    el("p", { class: `figure${found.complete ? "" : " is-partial"}`, id: "person-num" }, number(count)),
    el("p", { class: "figure-text" }, t("peopleIn", { count, files })),
  ];
  if (isForThreshold(found) && count > 0) {
    parts.push(el("p", { class: "muted" }, t("interval", found.interval)));
  }
  return parts;
}

function isForThreshold(found) {
  return Number(found.threshold) === Number(state.threshold);
}

function notices() {
  const found = currentDocument();
  return [problemNotice(), incompleteNotice(found), doubtNotice(found), profileNotice(found)].filter((node) => node !== null);
}

function problemNotice() {
  const { problem } = state;
  if (problem === null) return null;
  const again = el("button", { type: "button", class: "quiet", on: { click: () => askSoon() } }, t("askAgain"));
  const quoted = el("q", { lang: "en" }, problem.message);
  if (problem.status === 0) return notice("warn", [t("unreachable")], again);
  if (problem.status === 401) return notice("warn", [t("needsToken")], tokenButton());
  if (problem.status === 503) return notice("calm", [t("waitingText"), quoted], again);
  if (problem.status >= 500) return notice("bad", [t("failedAnswer"), quoted], again);
  return notice("bad", [t("refused"), quoted], again);
}

function incompleteNotice(found) {
  if (found === null || found.complete) return null;
  const parts = {
    pending: "incompletePending",
    failed: "incompleteFailed",
    no_photo: "incompleteNoPhoto",
    unknown: "incompleteUnknown",
  };
  const lines = [el("strong", {}, t("incomplete"))];
  for (const [status, name] of Object.entries(parts)) {
    const count = found.files.filter((file) => file.status === status).length;
    if (count > 0) lines.push(t(name, { count }));
  }
  return notice("warn", lines);
}

function doubtNotice(found) {
  if (found === null || !isForThreshold(found)) return null;
  if (found.complete && found.person_num === 0) return notice("calm", [t("noFaces")]);
  const lines = [];
  for (const [warning, name] of [["chained", "chainedNotice"], ["same_photo", "samePhotoNotice"]]) {
    const count = found.persons.filter((person) => person.warnings.includes(warning)).length;
    if (count > 0) lines.push(t(name, { count }));
  }
  return lines.length > 0 ? notice("doubt", lines) : null;
}

/** The program noticed that 0.2 does not mean here what it was measured to mean. */
function profileNotice(found) {
  if (found?.profile_doubt == null || found.person_num === 0) return null;
  const inThousand = (share) => number(1000 * share, share < 0.01 ? 1 : 0);
  const { strangers_accepted: here, promised } = found.profile_doubt;
  const rates = { here: inThousand(here), promised: inThousand(promised) };
  return notice("doubt", [t("profileNotice", rates)], el("code", {}, CALIBRATE));
}

function notice(kind, lines, action = null) {
  const text = lines.flatMap((line) => [el("span", {}, line), " "]);
  return el("div", { class: `notice notice-${kind}` }, el("p", {}, text), action);
}

/** Say to those who listen what went wrong, or the number: once it stands, not at each step. */
function announce() {
  const text = state.problem === null ? standing() : byId("notices").textContent;
  if (text === null || text === announced) return;
  announced = text;
  byId("announcer").textContent = text;
}

function standing() {
  const found = currentDocument();
  if (found === null || !isForThreshold(found)) return null;
  const text = t("announce", { count: found.person_num, files: found.files.length, threshold: state.threshold });
  return found.complete ? text : `${text}. ${t("incomplete")}`;
}
