// A dream on a photo of one's own, with how far it is.

import { button, element, numberField, slider, textField } from "/pages/controls.js";
import { ask, remember } from "/pages/link.js";
import { filePicker } from "/pages/photo.js";
import { Stage, message, shown } from "/pages/stage.js";

const USUAL = { "o.size": 320, "o.octaves": 4, "o.steps": 10 };

/** Draw the page of dreams. */
export function show(main, { catalogue, link }) {
  document.title = "Dream – Zoo gallery";
  const chosen = { ...USUAL, ...link.chosen };
  const stage = new Stage();
  const trouble = element("div"), result = element("div", { class: "one large" });
  let upload = null;
  const choose = (key) => (value) => {
    if (value === null || value === "") delete chosen[key];
    else chosen[key] = value;
    remember("dream", "", chosen);
  };
  const begun = Object.keys(link.chosen).length > 0;
  const begin = button("Dream", () => {
    remember("dream", "", chosen);
    stage.ask({ ...ask("dream", "", chosen), upload }, (found) => result.replaceChildren(shown(found.items[0], "the dream")));
  }, { first: true });
  begin.disabled = true;
  const picker = filePicker("Choose a photo", catalogue.kinds.find((kind) => kind.name === "image")?.suffixes ?? [], {
    began: () => trouble.replaceChildren(),
    failed: (error) => trouble.replaceChildren(message(error.message)),
    sent: (name) => {
      upload = name;
      asks.remove();
      begin.disabled = false;
      begin.click();
    },
  });
  const asks = element("p", { class: "asks" }, "This link has the settings of a dream, and not its photo: choose the photo again.");
  stage.body.append(...(begun ? [asks] : []), picker, trouble, result);
  const controls = element("div", { class: "controls" }, begin,
    slider("Pixels of the longer side", { low: 128, high: 1024, step: 32, value: chosen["o.size"], show: String, settle: choose("o.size") }),
    slider("Sizes it is changed at", { low: 1, high: 8, step: 1, value: chosen["o.octaves"], show: String, settle: choose("o.octaves") }),
    slider("Steps at each", { low: 1, high: 40, step: 1, value: chosen["o.steps"], show: String, settle: choose("o.steps") }),
    textField("Layers", { value: chosen["o.layers"] ?? "", placeholder: "the usual one", change: choose("o.layers") }),
    numberField("Seed", { low: 0, step: 1, value: chosen.seed ?? 0, change: choose("seed") }),
    element("p", { class: "quiet" }, "The link keeps the settings; the photo stays with you."));
  main.replaceChildren(
    element("div", { class: "head" }, element("h1", {}, "Dream"),
      element("p", {}, "A photo is changed until a network sees more of what it saw in it (DeepDream).")),
    element("div", { class: "work" }, stage.root, element("section", { class: "side card", "aria-label": "Controls" }, controls)));
  return () => stage.leave();
}
