// The address bar holds the question, so that a link shows the same answer to others. Everything is
// in the fragment: it is never sent to a server, so file names stay out of logs, and it may be long.

const NAMES = { threshold: "t", faces: "faces", linkage: "linkage", minPhotos: "min", everybody: "people", language: "lang" };
const LANGUAGES = ["en", "zh"];
const WAIT_MILLISECONDS = 200; // browsers slow pages down that write the address many times a second

let timer = 0;
let known = location.hash; // as it was last read or written

/** The members of the state that the address names. */
export function readAddress() {
  known = location.hash;
  const given = new URLSearchParams(location.hash.slice(1));
  const language = given.get(NAMES.language);
  const names = (short) => [...new Set(given.getAll(short).filter((name) => name !== ""))];
  return {
    files: names("f"),
    first: names("a"),
    threshold: given.get(NAMES.threshold),
    faces: given.get(NAMES.faces),
    linkage: given.get(NAMES.linkage),
    minPhotos: /^[1-9][0-9]{0,5}$/.test(given.get(NAMES.minPhotos) ?? "") ? given.get(NAMES.minPhotos) : null,
    everybody: given.get(NAMES.everybody) === "1" ? "1" : null,
    language: LANGUAGES.includes(language) ? language : null,
  };
}

/** Make the address say, soon, what `state` holds; defaults are left out. A newer address stays as it is. */
export function writeAddress(state, defaultThreshold) {
  clearTimeout(timer);
  timer = setTimeout(() => write(state, defaultThreshold), WAIT_MILLISECONDS);
}

function write(state, defaultThreshold) {
  if (location.hash !== known) return; // the visitor went elsewhere: the event that tells so is under way
  const given = new URLSearchParams();
  for (const [name, short] of Object.entries(NAMES)) {
    const value = state[name];
    if (value && !(name === "threshold" && value === defaultThreshold)) given.set(short, value);
  }
  for (const name of state.first) given.append("a", name);
  for (const name of state.files) given.append("f", name);
  const text = given.toString();
  const address = text ? `#${text}` : location.pathname;
  if (text !== location.hash.slice(1)) history.replaceState(null, "", address);
  known = location.hash;
}
