// A walk between two samples: a slider goes along it.

import { button, element, numberField, slider } from "/pages/controls.js";
import { shown } from "/pages/stage.js";

const PACE = 120;  // milliseconds a step

/** Draw a walk. */
export function walk(page) {
  const usual = { steps: page.about.animations.length ? 25 : 7 };
  const seen = element("div", { class: "one" });
  const strip = element("div", { class: "strip", "aria-hidden": "true" });
  let frames = [];
  let timer = null;
  const way = slider("Along the walk", { low: 0, high: 1, step: 1, value: 0, show: (at) => `step ${at + 1}`, change: go });
  const play = button("Play", () => (timer ? stop() : begin()));
  page.stage.body.append(seen, element("div", { class: "way" }, way, play), strip);

  function go(at) {
    seen.replaceChildren(frames[at]);
    [...strip.children].forEach((one, index) => one.classList.toggle("now", index === at));
    page.choose({ frame: at || null });
  }
  function begin() {
    let at = Number(way.input.value), step = 1;
    play.textContent = "Stop";
    timer = setInterval(() => {
      if (at + step < 0 || at + step >= frames.length) step = -step;
      at += step;
      way.set(at);
      go(at);
    }, PACE);
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }
  page.leave = stop;

  function draw(found) {
    frames = found.items.map((html, index) => shown(html, `step ${index + 1} of ${found.items.length}`));
    way.input.max = frames.length - 1;
    const pictures = frames.every((frame) => frame.children.length === 1 && frame.querySelector("img"));
    play.hidden = !pictures;
    strip.replaceChildren(...(pictures ? frames.map((frame) => frame.cloneNode(true)) : []));
    const at = Math.min(Number(page.chosen.frame ?? 0), frames.length - 1);
    way.set(at);
    go(at);
  }
  const again = () => page.stage.ask(page.asked("walk", usual), draw);
  const end = (name, key, value) => numberField(name, { low: 1, high: 64, step: 1, value: Number(page.chosen[key] ?? value) + 1, change: (number) => {
    page.choose({ [key]: (number ?? value + 1) - 1 });
    again();
  } });
  const seed = page.seed(again);
  page.controls.append(...[
    button("Another walk", () => {
      page.choose({ seed: Number(page.chosen.seed ?? 0) + 1, frame: null });
      seed.input.value = page.chosen.seed;
      again();
    }, { first: true }),
    seed, end("From sample", "start", 0), end("To sample", "end", 1),
    numberField("Steps", { low: 2, high: 64, step: 1, value: page.chosen.steps ?? usual.steps, change: (steps) => {
      page.choose({ steps, frame: null });
      again();
    } }),
    page.label(again), page.truncation(again), page.prior(again),
  ].filter(Boolean));
  again();
}
