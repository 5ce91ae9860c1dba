// The front page: every model, by kind of data.

import { element } from "/pages/controls.js";
import { write } from "/pages/link.js";
import { json } from "/pages/server.js";
import { message, shown } from "/pages/stage.js";

const TITLES = { image: "Pictures", text: "Texts", tune: "Tunes", audio: "Sounds" };
const place = (kind) => (kind in TITLES ? Object.keys(TITLES).indexOf(kind) : Infinity);
export const title = (kind) => TITLES[kind] ?? kind[0].toUpperCase() + kind.slice(1);
const VIEWS = { sample: "Sample", walk: "Walk", place: "Dimensions", map: "Map", edit: "Own file" };
export const viewName = (view) => VIEWS[view];

async function fill(place, name) {
  try {
    const { html } = await json(`/api/preview?model=${encodeURIComponent(name)}`);
    if (html) place.replaceChildren(...shown(html, `samples of ${name}`).childNodes);
    else place.replaceChildren(element("span", { class: "quiet" }, "no samples lie beside its weights"));
  } catch (error) {
    place.replaceChildren(element("span", { class: "quiet" }, error.message));
  }
}

function modelCard(model) {
  const name = element("h3", {}, element("a", { href: write("sample", model.name) }, model.name));
  const preview = element("div", { class: "preview" });
  const links = model.views.slice(1).map((view) =>
    element("a", { href: write(view, model.name), "aria-label": `${viewName(view)}: ${model.name}` }, viewName(view)));
  const seen = new IntersectionObserver(([entry]) => {
    if (!entry.isIntersecting) return;
    seen.disconnect();
    fill(preview, model.name);
  }, { rootMargin: "200px" });
  seen.observe(preview);
  return element("li", { class: "card model" }, preview, name, element("p", { class: "quiet" }, model.summary),
    element("div", { class: "links" }, links));
}

function untrained(models) {
  if (!models.length) return null;
  return element("details", { class: "untrained" },
    element("summary", {}, `${models.length} more, to be trained or fetched first`),
    element("ul", {}, models.map((model) => element("li", {}, `${model.summary} `, element("code", {}, model.command)))));
}

function kindSection(kind) {
  const ready = kind.models.filter((model) => model.ready);
  return element("section", { class: "kind", "aria-label": title(kind.name) },
    element("h2", {}, title(kind.name)),
    element("ul", { class: "models" }, ready.map(modelCard)),
    untrained(kind.models.filter((model) => !model.ready)));
}

/** Draw the catalogue. */
export function show(main, { catalogue }) {
  const ready = catalogue.kinds.flatMap((kind) => kind.models).filter((model) => model.ready).length;
  main.replaceChildren(
    element("div", { class: "hero" }, element("h1", {}, "What generative models have learnt to make"),
      element("p", { class: "quiet" }, `${ready} models on this machine. Choose one: draw samples, walk between them, `
        + "turn single dimensions, listen, read along as it writes. Nothing leaves this machine.")),
    ...catalogue.failures.map((text) => message(text)),
    ...[...catalogue.kinds].sort((a, b) => place(a.name) - place(b.name)).map(kindSection),
  );
  return () => {};
}
