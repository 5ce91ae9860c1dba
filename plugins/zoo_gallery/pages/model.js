// The pages of one model: they share a head, a stage and controls, and each draws its own view.

import { choice, element, numberField } from "/pages/controls.js";
import { viewName } from "/pages/catalogue.js";
import { ask, remember, write } from "/pages/link.js";
import { Stage, message } from "/pages/stage.js";

import { edit } from "/pages/edit.js";
import { map } from "/pages/map.js";
import { place } from "/pages/place.js";
import { sample } from "/pages/sample.js";
import { walk } from "/pages/walk.js";

const DRAWN = { sample, walk, place, map, edit };
const KNOWN = new Map();  // what was told of models

/** What a view is given: the model, what was chosen, and how to ask. */
class Page {
  constructor(view, model, chosen, about) {
    Object.assign(this, { view, model, chosen, about });
    this.stage = new Stage();
    this.stage.endings = [...new Set([...about.endings, ...(view === "walk" ? about.animations : [])])];
    this.controls = element("div", { class: "controls" });
  }

  /** Note a choice in the address; null takes it away. */
  choose(changes) {
    Object.assign(this.chosen, changes);
    for (const [key, value] of Object.entries(changes)) if (value === null || value === "") delete this.chosen[key];
    remember(this.view, this.model.name, this.chosen);
  }

  /** The question that the address holds, as `view` of the server. */
  asked(view = this.view, usual = {}) {
    return ask(view, this.model.name, this.chosen, usual);
  }

  /** Controls that most views have. */
  seed(again) {
    return numberField("Seed", { low: 0, step: 1, value: this.chosen.seed ?? 0, change: (seed) => {
      this.choose({ seed: seed ?? 0 });
      again();
    } });
  }

  label(again, none = null) {
    if (!this.about.classes.length) return null;
    const pairs = [...(none ? [["", none]] : []), ...this.about.classes.map((name) => [name, name])];
    const value = this.chosen.label ?? (none ? "" : this.about.classes[0]);
    return choice("Class", pairs, { value, change: (label) => {
      this.choose({ label });
      again();
    } });
  }

  prior(again) {
    if (!this.about.priors.length) return null;
    return choice("Latents drawn from", this.about.priors.map((name) => [name, name]), {
      value: this.chosen.prior ?? this.about.default_prior,
      change: (prior) => {
        this.choose({ prior });
        again();
      },
    });
  }

  truncation(again) {
    const [low, high] = this.about.truncation ?? [0.1, 10];
    const hint = this.about.cut_at ? String(this.about.cut_at) : this.about.truncation ? `${low} to ${high}` : "none";
    return numberField("Truncation", { low: 0.01, value: this.chosen.truncation, placeholder: hint, change: (truncation) => {
      this.choose({ truncation });
      again();
    } });
  }
}

function head(model, view) {
  const tabs = model.views.map((name) =>
    element("a", { href: write(name, model.name), "aria-current": name === view ? "page" : null }, viewName(name)));
  const facts = [model.architecture, `trained on ${model.dataset}`, model.licence,
    model.parameters ? `${model.parameters.toLocaleString("en")} parameters` : null];
  return element("div", { class: "head" },
    element("h1", {}, model.name), element("p", {}, model.summary),
    element("p", { class: "quiet facts" }, facts.filter(Boolean).map((fact) => element("span", {}, fact))),
    element("nav", { class: "tabs", "aria-label": `Views of ${model.name}` }, tabs));
}

/** Draw a view of a model; gives what is to be done when it is left. */
export function show(main, { catalogue, link }) {
  const model = catalogue.kinds.flatMap((kind) => kind.models).find((one) => one.name === link.model && one.ready);
  if (!model || !model.views.includes(link.view)) {
    main.replaceChildren(message(`${link.model || "This"}: there is no such view; choose a model in the catalogue`));
    return () => {};
  }
  document.title = `${model.name} – Zoo gallery`;
  const waiting = new Stage();
  main.replaceChildren(head(model, link.view), waiting.root);
  const left = new AbortController();
  let page = null;
  begin();
  return () => {
    left.abort();
    waiting.leave();
    page?.stage.leave();
    page?.leave?.();
  };

  async function begin() {
    if (!KNOWN.has(model.name)) {
      let about = null;
      await waiting.ask({ view: "about", model: model.name }, (found) => (about = found.about));
      if (!about) return;
      KNOWN.set(model.name, about);
    }
    if (left.signal.aborted) return;
    page = new Page(link.view, model, { ...link.chosen }, KNOWN.get(model.name));
    const side = element("section", { class: "side card", "aria-label": "Controls" }, page.controls);
    main.replaceChildren(head(model, link.view), element("div", { class: "work" }, page.stage.root, side));
    DRAWN[link.view](page);
  }
}
