// Samples of a seed; texts and tunes appear as they are written.

import { button, element, numberField, slider, textField } from "/pages/controls.js";
import { write } from "/pages/link.js";
import { arriving, shown } from "/pages/stage.js";

const MANY = 12, FEW = 3;  // samples, where nobody says how many; of models that write

function option(page, row, again) {
  const key = `o.${row.name}`;
  const change = (value) => {
    page.choose({ [key]: value });
    again();
  };
  const name = (row.name[0].toUpperCase() + row.name.slice(1)).replaceAll("_", " ");
  const value = page.chosen[key] ?? "";
  if (typeof row.default === "string") return textField(name, { value, placeholder: row.default || "nothing", change });
  if (typeof row.default === "number" && row.name === "temperature") {
    return slider(name, { low: 0.1, high: 2, step: 0.05, value: value === "" ? row.default : value, settle: change });
  }
  const step = row.allowed.startsWith("a whole number") ? 1 : "any";
  return numberField(name, { step, value, placeholder: row.default ?? "as learnt", change });
}

function actions(page, index) {
  const { model, about, chosen } = page;
  const label = chosen.label ?? (about.classes.length ? about.classes[index % about.classes.length] : "");
  const kept = { seed: chosen.seed ?? 0, label, prior: chosen.prior, truncation: chosen.truncation };
  const end = index + 1 < 64 ? index + 1 : 0;
  return element("div", { class: "links" },
    element("a", { href: write("walk", model.name, { ...kept, start: index, end }), "aria-label": `Walk from sample ${index + 1}` }, "Walk"),
    element("a", { href: write("place", model.name, { ...kept, start: index }), "aria-label": `Dimensions of sample ${index + 1}` }, "Dimensions"));
}

/** Draw samples, and the controls that choose them. */
export function sample(page) {
  const usual = page.about.slow ? FEW : MANY;
  const list = element("ol", { class: "items" });
  page.stage.body.append(list);

  const card = (html, index) => element("li", { class: "item" }, shown(html, `sample ${index + 1} of ${page.model.name}`), actions(page, index));
  const again = () => page.stage.ask(page.asked("sample", { n: usual }), () => {}, arriving(list, card));

  const seed = page.seed(again);
  page.controls.append(...[
    button("Draw others", () => {
      page.choose({ seed: Number(page.chosen.seed ?? 0) + 1 });
      seed.input.value = page.chosen.seed;
      again();
    }, { first: true }),
    seed,
    slider("How many", { low: 1, high: page.about.slow ? 16 : 64, step: 1, value: page.chosen.n ?? usual, show: String, settle: (n) => {
      page.choose({ n });
      again();
    } }),
    page.label(again, "each in turn"),
    page.about.slow ? null : page.truncation(again),
    page.prior(again),
    ...page.about.options.map((row) => option(page, row, again)),
  ].filter(Boolean));
  again();
}
