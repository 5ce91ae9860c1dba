// A file of one's own in the latent space: moved along concepts and single dimensions.

import { button, element, slider } from "/pages/controls.js";
import { filePicker } from "/pages/photo.js";
import { dimensions } from "/pages/place.js";
import { message, shown } from "/pages/stage.js";

const REACH = 4;  // standard deviations

/** Draw the user's file as the model sees it, and what its latent decodes to. */
export function edit(page) {
  let upload = null;
  const before = element("figure", {}), after = element("figure", {});
  const pair = element("div", { class: "pair" }, before, after);
  const trouble = element("div");
  const endings = page.about.endings.filter((ending) => ending !== ".npz");
  const picker = filePicker("Choose a file", endings, {
    began: () => trouble.replaceChildren(),
    failed: (error) => trouble.replaceChildren(message(error.message)),
    sent: (name) => {
      upload = name;
      page.choose({ z: null });
      again();
    },
  });
  page.stage.body.append(picker, trouble, pair);

  function again() {
    if (!upload && !page.chosen.z) return;
    const asked = page.asked("place");
    if (upload) {
      delete asked.z;
      asked.upload = upload;
    }
    page.stage.ask(asked, draw);
  }
  function draw(found) {
    if (found.seen) {
      before.replaceChildren(shown(found.seen, "the file as the model sees it"), element("figcaption", {}, "As the model sees it"));
    }
    const near = found.error === undefined ? "" : `; where nothing is moved it is off by ${(100 * found.error).toFixed(1)} % (root mean square)`;
    after.replaceChildren(shown(found.items[0], "what the model makes of it"), element("figcaption", {}, `What the model makes of it${near}`));
    page.choose({ z: found.z });
    sliders.follow(found.coordinates);
  }
  const moved = page.about.concepts.map((name) => slider(name[0].toUpperCase() + name.slice(1), {
    low: -REACH, high: REACH, step: 0.1, value: page.chosen[`c.${name}`] ?? 0,
    show: (x) => `${x > 0 ? "+" : ""}${x.toFixed(1)} s.d.`,
    change: (value) => {
      page.choose({ [`c.${name}`]: value || null });
      again();
    },
  }));
  const sliders = dimensions(page, again);
  page.controls.append(...[
    element("p", { class: "quiet" }, `A file is ${page.about.read_as}.`),
    page.about.encodes ? null : element("p", { class: "quiet" }, `${page.model.name} has no encoder: what draws the file most nearly is looked for, `
      + "which takes a while. It cannot draw everything."),
    ...moved,
    moved.length ? button("Concepts to 0", () => {
      page.about.concepts.forEach((name, index) => {
        page.choose({ [`c.${name}`]: null });
        moved[index].set(0);
      });
      again();
    }) : null,
    page.label(again),
    element("details", {}, element("summary", {}, "Single dimensions"), ...sliders.elements),
  ].filter(Boolean));
  again();
}
