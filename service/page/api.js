// Speaks to the service: the token, errors, and nothing else. Addresses are relative, because a proxy may
// have put the page below a path.

const TOKEN = "person-count.token";

/** What the service refused, or that it could not be reached (status 0). */
export class ApiError extends Error {
  constructor(status, sentence, retrySeconds = null) {
    super(sentence);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }
}

let whenRefused = () => {};

/** Call `listener(sentence)` whenever the service asks for a token or for another one. */
export function onTokenNeeded(listener) {
  whenRefused = listener;
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

/** Use `token` from now on, in this tab only; null forgets it. */
export function useToken(token) {
  if (token === null) sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, token);
}

/** Fetch; the response if it is a success. Throws ApiError, or AbortError when aborted. */
export async function request(path, options = {}) {
  const headers = new Headers(options.headers);
  const token = sessionStorage.getItem(TOKEN);
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "");
  }
  if (response.ok) return response;
  const error = await refusal(response);
  if (error.status === 401) whenRefused(error.message);
  throw error;
}

async function refusal(response) {
  let sentence = response.statusText;
  try {
    sentence = (await response.json()).error;
  } catch {
    // something between us and the service answered; its status has to do
  }
  const seconds = Number.parseInt(response.headers.get("Retry-After"), 10);
  return new ApiError(response.status, sentence, Number.isNaN(seconds) ? null : seconds);
}

async function json(path, options) {
  return (await request(path, options)).json();
}

function post(path, document, signal) {
  const headers = { "Content-Type": "application/json" };
  return json(path, { method: "POST", headers, body: JSON.stringify(document), signal });
}

/** The count of a question, explained. */
export function askPersons(question, signal) {
  return post("persons", question, signal);
}

/** Who is in both of two lists. */
export function askCompared(question, signal) {
  return post("persons/compare", question, signal);
}

/** The faces of the library that are nearest to one. */
export function askSimilar(id, given) {
  return json(`faces/${id}/similar?${new URLSearchParams(given)}`);
}

/** A page of the people of the library. */
export function askPeople(given) {
  return json(`people?${new URLSearchParams(given)}`);
}

export function askStatus(signal) {
  return json("status", { signal });
}

/** One page of the files that the service knows. */
export function askFiles(given, signal) {
  const query = new URLSearchParams(
    Object.entries(given).filter(([, value]) => value !== "" && value !== null && value !== undefined),
  );
  return json(`files?${query}`, { signal });
}

/** How many files one question may have. */
export async function askMostFiles() {
  const { components } = await json("openapi.json");
  return components.schemas.Question.properties.filepaths.maxItems;
}

export function retryFiles(what) {
  return post("files/retry", what);
}

/** Say who is whom: [{verdict, faces: ids}]. All are kept, or none. */
export function judge(judgements) {
  return post("judgements", { judgements });
}

export function undoJudgement(id) {
  return json(`judgements/${id}`, { method: "DELETE" });
}

/** Put a photo into the drop folder. Resolves to its path there. */
export async function uploadFile(file) {
  const path = `files/${encodeURIComponent(file.name)}`;
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  return (await json(path, { method: "PUT", headers, body: file })).filepath;
}
