// Asks the question of the state, again whenever it has changed, and keeps the newest answer only.

import { ApiError, askPersons } from "./api.js";
import { change, currentDocument, questionKey, state, whenChanged } from "./state.js";

const CALM_MILLISECONDS = 180; // the slider is still moving when it changes faster than this
const PENDING_SECONDS = 2; // the service itself waits before it answers with files pending
const LOST_SECONDS = 5; // before asking again when nobody answered

let timer = 0;
let under = null; // the AbortController of the question under way

/** Begin to ask whenever the question changes. */
export function startAsking() {
  whenChanged(["files", "threshold", "faces", "linkage", "minPhotos"], () => askSoon(CALM_MILLISECONDS));
  if (state.files.length > 0) askSoon(0);
}

/** Ask in a moment; what is under way is no longer of interest. */
export function askSoon(milliseconds = 0) {
  clearTimeout(timer);
  under?.abort();
  under = null;
  if (state.files.length === 0) {
    change({ answer: null, asking: false, problem: null });
    return;
  }
  change({ asking: true });
  timer = setTimeout(ask, milliseconds);
}

function question() {
  const { files, threshold, faces, linkage, minPhotos } = state;
  return {
    filepaths: files, threshold, ...(faces && { faces }), ...(linkage && { linkage }),
    ...(minPhotos && { min_photos: Number(minPhotos) }),
  };
}

async function ask() {
  const mine = new AbortController();
  under = mine;
  const key = questionKey();
  try {
    const document = await askPersons(question(), mine.signal);
    if (mine !== under) return;
    // most faces first; a stable sort, so that equals stay in the service's order
    document.persons.sort((one, other) => other.faces.length - one.faces.length);
    const pending = document.files.some((file) => file.status === "pending");
    change({ answer: { key, document }, asking: pending, problem: null });
    if (pending) again(PENDING_SECONDS);
  } catch (error) {
    if (mine !== under || error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    const seconds = error.retrySeconds ?? (error.status === 0 ? LOST_SECONDS : null);
    // an answer to this question with other thresholds stays useful; nothing else does
    const answer = currentDocument() === null ? null : state.answer;
    change({ answer, asking: seconds !== null, problem: error });
    if (seconds !== null) again(seconds);
  }
}

function again(seconds) {
  clearTimeout(timer);
  timer = setTimeout(ask, 1000 * seconds);
}
