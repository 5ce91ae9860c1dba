// The page itself: goes where the address says, and notices when its server is gone or another one.

import * as catalogue from "/pages/catalogue.js";
import * as compare from "/pages/compare.js";
import * as dream from "/pages/dream.js";
import { read } from "/pages/link.js";
import * as model from "/pages/model.js";
import { json } from "/pages/server.js";
import { message } from "/pages/stage.js";

const LOOK = 4000;  // milliseconds between two looks at the server
const PAGES = { "": catalogue, compare, dream };
const main = document.getElementById("main");
const notice = document.getElementById("notice");
let known = null;
let leave = () => {};
let turn = 0;

async function go() {
  const mine = ++turn;
  leave();
  leave = () => {};
  const link = read();
  document.title = "Zoo gallery";
  try {
    const found = known ?? await json("/api/catalogue");
    if (mine !== turn) return;  // somebody has gone on meanwhile
    known = found;
    document.getElementById("to-dream").hidden = !known.verbs.includes("dream");
    leave = (PAGES[link.view] ?? model).show(main, { catalogue: known, link });
  } catch (error) {
    if (mine !== turn) return;
    main.replaceChildren(message(error.message));
    dispatchEvent(new Event("gallery:lost"));
  }
  scrollTo(0, 0);
}

async function look() {
  try {
    const { start } = await json("/api/health");
    const other = known && start !== known.start;
    const back = notice.hasChildNodes();
    notice.replaceChildren();
    if (other || (back && !known)) {
      known = null;
      go();
    }
  } catch (error) {
    if (notice.textContent !== error.message) notice.replaceChildren(message(error.message));
  }
}

addEventListener("hashchange", async () => {
  await go();
  main.focus();
});
addEventListener("pagehide", () => leave());
addEventListener("gallery:lost", look);
setInterval(look, LOOK);
go();
