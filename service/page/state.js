// What is being asked and what came back: one object, and who wants to know of its changes.

import { readAddress, writeAddress } from "./address.js";

export const DEFAULT_THRESHOLD = "0.2";

/**
 * files: chosen paths, each once. first: the list that they are compared with. threshold: text, sent as
 * it is. faces, linkage, minPhotos: null for the service's own choice. everybody: "1" while the library's
 * people are shown. answer: {key, document} or null. asking: a question is under way. judging: a click
 * on a face chooses it, to say who it is. problem: an ApiError or null. status: the document of /status,
 * or null.
 */
export const state = {
  files: [],
  first: [],
  threshold: DEFAULT_THRESHOLD,
  faces: null,
  linkage: null,
  minPhotos: null,
  everybody: null,
  language: null,
  answer: null,
  asking: false,
  judging: false,
  problem: null,
  status: null,
};

const listeners = [];
const IN_ADDRESS = ["files", "first", "threshold", "faces", "linkage", "minPhotos", "everybody", "language"];

/** Call `listener(changed)` after changes to any of `names`. */
export function whenChanged(names, listener) {
  listeners.push({ names, listener });
}

/** Change some members; listeners hear of it once, and the address follows. */
export function change(patch) {
  const changed = new Set(Object.keys(patch).filter((name) => state[name] !== patch[name]));
  if (changed.size === 0) return;
  Object.assign(state, patch);
  if (IN_ADDRESS.some((name) => changed.has(name))) writeAddress(state, DEFAULT_THRESHOLD);
  for (const { names, listener } of listeners) {
    if (names.some((name) => changed.has(name))) listener(changed);
  }
}

/** Take over what the address says. */
export function followAddress() {
  const said = readAddress();
  change({
    ...said,
    files: kept(state.files, said.files),
    first: kept(state.first, said.first),
    threshold: said.threshold ?? DEFAULT_THRESHOLD,
    language: said.language ?? state.language,
  });
}

/** `before` itself if `now` has the same names, so that nothing seems to change. */
function kept(before, now) {
  const same = now.length === before.length && now.every((name, position) => name === before[position]);
  return same ? before : now;
}

/** Add files to those chosen; ones that are there already stay where they are. */
export function choose(names) {
  const files = [...new Set([...state.files, ...names])];
  if (files.length !== state.files.length) change({ files });
}

export function unchoose(names) {
  const gone = new Set(names);
  change({ files: state.files.filter((name) => !gone.has(name)) });
}

/** What an answer belongs to, but for the threshold, whose every step is on the answer's curve. */
export function questionKey() {
  return JSON.stringify([state.files, state.faces, state.linkage, state.minPhotos]);
}

/** The document of the last answer if it is about these files counted this way, else null. */
export function currentDocument() {
  return state.answer?.key === questionKey() ? state.answer.document : null;
}

/** How many persons there are at the threshold; null while that is not known. */
export function currentCount() {
  const found = currentDocument();
  if (found === null) return null;
  const here = Number(state.threshold);
  if (Number(found.threshold) === here) return found.person_num;
  const step = found.curve.find((point) => Math.abs(point.threshold - here) < 1e-9);
  return step ? step.person_num : null;
}
