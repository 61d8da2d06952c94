// How reading the photos goes: what waits, how fast it is, what failed and why.

import { askFiles, askStatus, retryFiles } from "./api.js";
import { byId, el, keepingPlace } from "./dom.js";
import { number, t } from "./i18n.js";
import { refreshFound } from "./choose.js";
import { nameOnOneLine } from "./names.js";
import { change, state, whenChanged } from "./state.js";
import { tokenButton } from "./token.js";

const BUSY_MILLISECONDS = 2000;
const CALM_MILLISECONDS = 10_000;
const RATE_MILLISECONDS = 20_000; // the rate is that of the last so many
const FAILED_SHOWN = 50;
const FAILED_MILLISECONDS = 60_000; // one failure may take another's place, and the number stays

const SILENT_SECONDS = 60; // what ingest does is reported far more often

let timer = 0;
let seen = []; // {at, indexed}, the newest last
let failed = []; // rows of /files, as of
let failedSeen = { count: 0, at: 0 };
let problem = null;
let retried = null; // how many are being tried again

export function startLibrary() {
  whenChanged(["language", "status"], render);
  whenChanged(["answer"], () => {
    if (state.answer?.document.files.some((file) => file.status === "pending")) lookAtLibrary();
  });
  // a question may be waiting for its photos: then people want to see how far that is
  whenChanged(["asking"], () => {
    if (state.asking) plan(BUSY_MILLISECONDS);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) lookAtLibrary();
  });
  lookAtLibrary();
}

/** Look now, and from now on every few seconds while the page is visible. */
export async function lookAtLibrary() {
  clearTimeout(timer);
  if (document.hidden) return;
  const before = state.status?.files;
  try {
    const status = await askStatus();
    problem = null;
    remember(status.files.indexed);
    await lookAtFailed(status.files.failed);
    change({ status });
    if (before && before.indexed !== status.files.indexed) refreshFound();
    plan(status.files.pending > 0 || state.asking ? BUSY_MILLISECONDS : CALM_MILLISECONDS);
  } catch (error) {
    problem = error;
    render();
    if (error.status !== 401) plan(BUSY_MILLISECONDS);
  }
}

function plan(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(lookAtLibrary, milliseconds);
}

function remember(indexed) {
  const now = performance.now();
  seen = [...seen.filter((one) => now - one.at <= RATE_MILLISECONDS), { at: now, indexed }];
}

/** Photos a second, lately. */
function rate() {
  const [first, last] = [seen[0], seen.at(-1)];
  return last.at > first.at ? Math.max(0, (1000 * (last.indexed - first.indexed)) / (last.at - first.at)) : 0;
}

/** Fetch the rows, unless they are likely the same; /status may count more than /files lists. */
async function lookAtFailed(count) {
  const now = performance.now();
  const isOld = count > 0 && now - failedSeen.at >= FAILED_MILLISECONDS;
  if (count === failedSeen.count && !isOld) return;
  failed = count === 0 ? [] : (await askFiles({ state: "failed", limit: FAILED_SHOWN })).files;
  failedSeen = { count, at: now };
}

async function retry(what) {
  try {
    retried = (await retryFiles(what)).queued;
    failedSeen.at = -Infinity; // the same ones may fail again, for other reasons
    lookAtLibrary();
  } catch (error) {
    problem = error;
  }
  render();
}

function render() {
  renderPulse();
  keepingPlace(() => byId("library").replaceChildren(...contents()));
}

function renderPulse() {
  const files = state.status?.files;
  const parts = [];
  if (problem === null && files) {
    parts.push(t("libraryReady", { count: files.indexed }));
    if (files.pending > 0) parts.push(t("libraryWaiting", { count: files.pending }));
  }
  byId("pulse").classList.toggle("is-busy", parts.length > 1);
  byId("pulse").classList.toggle("is-lost", problem !== null);
  byId("pulse").textContent = parts.join(" · ");
}

function contents() {
  if (problem?.status === 401) return [el("p", {}, t("needsToken")), tokenButton()];
  if (problem !== null) return [el("p", { class: "error-text" }, problem.message || t("libraryUnreachable"))];
  if (state.status === null) return [el("p", { class: "muted" }, t("loading"))];
  return [...figures(state.status), ...failures(state.status.files.failed)];
}

function figures({ files, faces, ingest }) {
  const parts = [el("p", { class: "figures" },
    el("strong", {}, t("libraryReady", { count: files.indexed })),
    faces === undefined ? null : el("span", { class: "muted" }, t("libraryFaces", { count: faces })))];
  if (files.pending > 0) parts.push(...progress(files));
  else parts.push(el("p", { class: "muted" }, t("libraryIdle")));
  if (files.no_photo > 0) parts.push(el("p", { class: "muted" }, t("libraryNoPhotos", { count: files.no_photo })));
  return [...parts, ...troubles(ingest).map((text) => el("p", { class: "error-text" }, text))];
}

/** What is wrong with ingest; it tells nothing of itself before it has ever run. */
function troubles({ process, reported_seconds_ago: silent = 0, watcher }) {
  const found = [];
  if (process === "restarting") found.push(t("libraryRestarting"));
  else if (silent > SILENT_SECONDS) found.push(t("librarySilent", { minutes: Math.floor(silent / 60) }));
  if (watcher?.removals_held > 0) found.push(t("libraryHeld", { count: watcher.removals_held }));
  return found;
}

function progress({ pending, indexed }) {
  const perSecond = rate();
  const words = [t("libraryWaiting", { count: pending })];
  if (perSecond > 0) {
    words.push(t("libraryRate", { rate: perSecond }), t("libraryLeft", { seconds: pending / perSecond }));
  }
  const bar = el("progress", { max: pending + indexed, value: indexed, "aria-label": t("library") });
  return [bar, el("p", { class: "muted" }, words.join(" · "))];
}

function failures(count) {
  const parts = [];
  if (retried !== null) parts.push(el("p", { class: "good-text", role: "status" }, t("retried", { count: retried })));
  if (count === 0) return parts;
  const rows = failed.map((row) => el("li", {},
    nameOnOneLine(row.filepath),
    el("span", { class: "reason", lang: "en" }, row.reason),
    el("button", {
      type: "button", class: "quiet", "aria-label": t("retryOne", { name: row.filepath }),
      data: { focus: `retry:${row.filepath}` }, on: { click: () => retry({ filepaths: [row.filepath] }) },
    }, t("retry"))));
  const rest = count - failed.length;
  parts.push(el("details", { class: "failures", data: { fold: "failures" } },
    el("summary", { data: { focus: "failures" } }, t("failedTitle", { count })),
    el("ul", { data: { scroll: "failures" } }, rows),
    rest > 0 ? el("p", { class: "muted" }, `+ ${number(rest)}`) : null,
    el("button", {
      type: "button", class: "button", data: { focus: "retry-all" }, on: { click: () => retry({ failed: true }) },
    }, t("retryAll"))));
  return parts;
}
