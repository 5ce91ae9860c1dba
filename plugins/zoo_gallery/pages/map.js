// The plane of a two-dimensional latent space, as a map: a click goes there.

import { mark, placeIn } from "/pages/canvas.js";
import { element, slider } from "/pages/controls.js";
import { shown, Stage } from "/pages/stage.js";

const SIDE = 18;  // examples a side of the map
const REACH = 0.95;  // share of each axis that it shows

// The map's cells are at shares of the prior, evenly spaced; half a cell stands on either side of the outermost.
const share = (across) => Math.min(0.9999, Math.max(0.0001, (1 + REACH * (2 * (across * SIDE - 0.5) / (SIDE - 1) - 1)) / 2));
const across = (share) => (((2 * share - 1) / REACH + 1) / 2 * (SIDE - 1) + 0.5) / SIDE;

/** Draw the map, and what lies at the place that is chosen. */
export function map(page) {
  const ground = new Stage({ quiet: true });
  const over = element("canvas", { class: "over", "aria-hidden": "true" });
  const picture = element("div", { class: "ground" });
  const sheet = element("div", { class: "map" }, picture, over);
  const seen = element("div", { class: "one" });
  page.stage.body.append(element("div", { class: "beside" }, element("div", {}, sheet, ground.root), seen));
  page.leave = () => ground.leave();

  const at = () => (page.chosen.at ?? "0.5,0.5").split(",").map(Number);
  const again = () => page.stage.ask({ ...page.asked("place"), at: at() }, (found) =>
    seen.replaceChildren(shown(found.items[0], "what lies at the marked place")));
  const sliders = [0, 1].map((axis) => slider(["Left to right", "Down to up"][axis], {
    low: share(0), high: share(1), value: at()[axis], show: (x) => `${(100 * x).toFixed(0)} % of the prior`,
    change: (value) => go(at().map((old, index) => (index === axis ? value : old))),
  }));

  function go(place) {
    page.choose({ at: place.map((one) => one.toFixed(4)).join(",") });
    sliders.forEach((one, axis) => one.set(place[axis]));
    point();
    again();
  }
  function point() {
    const [u, v] = at();
    mark(over, [across(u), 1 - across(v)]);
  }
  let held = false;
  const follow = (event) => {
    const [x, y] = placeIn(sheet, event);
    go([share(x), share(1 - y)]);
  };
  sheet.addEventListener("pointerdown", (event) => {
    held = true;
    sheet.setPointerCapture(event.pointerId);
    follow(event);
  });
  sheet.addEventListener("pointermove", (event) => held && follow(event));
  sheet.addEventListener("pointerup", () => (held = false));
  new ResizeObserver(point).observe(sheet);

  const everything = () => {
    ground.ask({ ...page.asked("map"), n: SIDE, at: null }, (found) => {
      picture.replaceChildren(...shown(found.items[0], `a map of the latent space of ${page.model.name}`).childNodes);
      point();
    });
    again();
  };
  page.controls.append(...[
    element("p", { class: "quiet" }, "Click on the map, or drag. Each cell is as likely as any other."),
    ...sliders, page.label(everything), page.prior(everything),
  ].filter(Boolean));
  everything();
}
