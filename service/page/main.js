// Starts the page: language, address, and every part of it.

import { askSoon, startAsking } from "./ask.js";
import { refreshFound, startChoosing } from "./choose.js";
import { startChosen } from "./chosen.js";
import { compareSoon, startCompare } from "./compare.js";
import { startCount } from "./count.js";
import { startDial } from "./dial.js";
import { startElsewhere } from "./elsewhere.js";
import { lookAtEverybody, startEverybody } from "./everybody.js";
import { rememberLanguage, translatePage } from "./i18n.js";
import { startJudging } from "./judging.js";
import { lookAtLibrary, startLibrary } from "./library.js";
import { startLink } from "./link.js";
import { startPeople } from "./people.js";
import { startPhoto } from "./photo.js";
import { startSecond } from "./second.js";
import { change, followAddress, whenChanged } from "./state.js";
import { startTokens } from "./token.js";
import { startUploads } from "./upload.js";
import { byId } from "./dom.js";

function startLanguages() {
  whenChanged(["language"], translatePage);
  translatePage();
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      rememberLanguage(button.dataset.language);
      change({ language: button.dataset.language });
    });
  }
}

function retryEverything() {
  lookAtLibrary();
  refreshFound();
  askSoon();
  compareSoon();
  lookAtEverybody();
}

followAddress();
addEventListener("hashchange", followAddress);
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment is the question's
  byId("answer").focus();
});
startLanguages();
startTokens(retryEverything);
startChosen();
startCount();
startDial();
startCompare();
startPeople();
startSecond();
startJudging(); // after the people: it shows on their rows which faces are chosen
startPhoto();
startElsewhere();
startLink();
startChoosing();
startUploads(lookAtLibrary);
startLibrary();
startEverybody();
startAsking();
