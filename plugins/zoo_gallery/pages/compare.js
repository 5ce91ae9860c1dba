// Models side by side: the same seed, a row each, and what they were measured at.

import { title } from "/pages/catalogue.js";
import { button, choice, element, numberField, slider } from "/pages/controls.js";
import { ask, remember, write } from "/pages/link.js";
import { Stage, arriving, codeBlock, downloads, message, shown } from "/pages/stage.js";

const MOST = 4;  // models at once

function figures(models) {
  const names = [...new Set(models.flatMap((model) => model.figures.map((figure) => figure.name)))];
  if (!names.length) return null;
  const cell = (model, name) => {
    const found = model.figures.find((figure) => figure.name === name);
    return found ? `${found.value.toPrecision(4)} (${found.better} is better)` : "–";
  };
  return element("div", { class: "scrolled", tabindex: 0, role: "region", "aria-label": "What they were measured at" },
    element("table", {}, element("caption", {}, "What they were measured at; figures of different data or networks do not compare."),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Figure"), models.map((model) => element("th", { scope: "col" }, model.name)))),
      element("tbody", {}, names.map((name) => element("tr", {}, element("th", { scope: "row" }, name), models.map((model) => element("td", {}, cell(model, name))))))));
}

/** Draw models side by side. */
export function show(main, { catalogue, link }) {
  document.title = "Side by side – Zoo gallery";
  const chosen = { ...link.chosen };
  const kinds = catalogue.kinds.map((kind) => ({ ...kind, models: kind.models.filter((model) => model.ready) })).filter((kind) => kind.models.length > 1);
  const rows = element("div", { class: "rows" });
  const kept = element("section", { class: "again card", "aria-label": "Have it again" });
  let stages = [];
  const kindOf = () => kinds.find((kind) => kind.name === chosen.kind) ?? kinds.find((kind) => kind.name === "image") ?? kinds[0];
  const models = () => {
    const wanted = (chosen.models ?? "").split(",").filter(Boolean);
    const found = kindOf().models.filter((model) => wanted.includes(model.name));
    return found.length ? found.slice(0, MOST) : kindOf().models.slice(0, 2);
  };
  const leave = () => stages.forEach((stage) => stage.leave());

  function again() {
    leave();
    remember("compare", "", chosen);
    const asked = models();
    const codes = new Map();
    const endings = [...kindOf().suffixes, ".npz"];
    stages = asked.map(() => new Stage({ quiet: true }));
    rows.replaceChildren(...asked.map((model, index) => {
      const items = element("ol", { class: "items small" });
      stages[index].body.append(items);
      const card = (html, at) => element("li", { class: "item" }, shown(html, `sample ${at + 1} of ${model.name}`));
      const question = ask("sample", model.name, { seed: chosen.seed ?? 0, n: chosen.n ?? 4 });
      stages[index].ask(question, (found) => {
        codes.set(model.name, [
          element("h3", {}, model.name), downloads(question, endings, model.name),
          codeBlock(`Python: ${model.name}`, found.code.python), codeBlock(`Shell: ${model.name}`, found.code.shell)]);
        if (codes.size === asked.length) offer(asked.flatMap((one) => codes.get(one.name)));
      }, arriving(items, card));
      return element("section", { class: "card", "aria-label": model.name },
        element("h2", {}, element("a", { href: write("sample", model.name, { seed: chosen.seed ?? 0 }) }, model.name)),
        element("p", { class: "quiet" }, model.summary), stages[index].root);
    }), figures(asked) ?? "", kept);
    kept.hidden = true;
  }
  function offer(made) {
    kept.hidden = false;
    kept.replaceChildren(element("h2", {}, "Have it again"), ...made, codeBlock("Link", location.href));
  }
  const boxes = element("fieldset", {});
  function list() {
    boxes.replaceChildren(element("legend", {}, `Models, at most ${MOST}`), ...kindOf().models.map((model) => {
      const input = element("input", { type: "checkbox", value: model.name });
      input.checked = models().includes(model);
      input.addEventListener("change", () => {
        const on = [...boxes.querySelectorAll("input:checked")].map((one) => one.value);
        if (!on.length || on.length > MOST) {
          input.checked = !input.checked;
          return;
        }
        chosen.models = on.join(",");
        again();
      });
      return element("label", { class: "tick" }, input, model.name);
    }));
  }
  const seed = numberField("Seed", { low: 0, step: 1, value: chosen.seed ?? 0, change: (value) => {
    chosen.seed = value ?? 0;
    again();
  } });
  if (!kinds.length) {
    main.replaceChildren(message("there are no two models of one kind here; train or pull another"));
    return () => {};
  }
  const controls = element("div", { class: "controls" },
    button("Draw others", () => {
      chosen.seed = Number(chosen.seed ?? 0) + 1;
      seed.input.value = chosen.seed;
      again();
    }, { first: true }),
    choice("Kind", kinds.map((kind) => [kind.name, title(kind.name)]), { value: kindOf().name, change: (kind) => {
      chosen.kind = kind;
      delete chosen.models;
      list();
      again();
    } }),
    boxes, seed,
    slider("Samples of each", { low: 1, high: 16, step: 1, value: chosen.n ?? 4, show: String, settle: (n) => {
      chosen.n = n;
      again();
    } }));
  main.replaceChildren(
    element("div", { class: "head" }, element("h1", {}, "Side by side"), element("p", {}, "The same seed for each model.")),
    element("div", { class: "work" }, rows, element("section", { class: "side card", "aria-label": "Controls" }, controls)));
  list();
  again();
  return leave;
}
