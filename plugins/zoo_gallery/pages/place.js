// One place in the latent space: each coordinate has a slider.

import { button, element, numberField, slider } from "/pages/controls.js";
import { shown } from "/pages/stage.js";

const FIRST = 8;  // coordinates that have a slider from the beginning

/** Sliders for coordinates: those first, those that the address names, and any that is asked for. */
export function dimensions(page, again, others = null) {
  const { about } = page;
  const sliders = new Map();
  const box = element("div", { class: "controls" });
  const limits = (index) => about.limits[index] ?? [-3, 3];

  function add(index) {
    if (sliders.has(index) || !(index < about.dimensions)) return;
    const [low, high] = limits(index);
    const made = slider(`Dimension ${index}`, { low, high, value: page.chosen[`d.${index}`] ?? 0, change: (value) => {
      others?.();
      page.choose({ [`d.${index}`]: Number(value.toFixed(3)) });
      again();
    } });
    sliders.set(index, made);
    box.append(made);
  }
  for (let index = 0; index < Math.min(FIRST, about.dimensions); index++) add(index);
  for (const key of Object.keys(page.chosen)) if (key.startsWith("d.")) add(Number(key.slice(2)));
  const more = about.dimensions <= FIRST ? null : numberField(`Another of ${about.dimensions}`, {
    low: 0, high: about.dimensions - 1, step: 1, placeholder: "its number", change: (index) => index !== null && add(index),
  });
  const reset = button("Put all back", () => {
    for (const key of Object.keys(page.chosen)) if (key.startsWith("d.")) page.choose({ [key]: null });
    again();
  });
  return {
    elements: [box, more, reset].filter(Boolean),
    /** Move the sliders that were not touched to where the latent is. */
    follow(coordinates) {
      for (const [index, made] of sliders) {
        if (!(`d.${index}` in page.chosen) && coordinates?.[index] !== undefined) made.set(coordinates[index]);
      }
    },
  };
}

/** Draw a place that begins at a sample of a seed. */
export function place(page) {
  const seen = element("div", { class: "one" });
  page.stage.body.append(seen);
  const again = () => page.stage.ask(page.asked("place"), draw);
  const sliders = dimensions(page, again);
  function draw(found) {
    seen.replaceChildren(shown(found.items[0], `a place in the latent space of ${page.model.name}`));
    sliders.follow(found.coordinates);
  }
  const seed = page.seed(again);
  page.controls.append(...[
    button("Another place", () => {
      page.choose({ seed: Number(page.chosen.seed ?? 0) + 1, z: null });
      seed.input.value = page.chosen.seed;
      again();
    }, { first: true }),
    seed, page.label(again), page.prior(again), ...sliders.elements,
  ].filter(Boolean));
  again();
}
