// Elements and controls, each with a label that names it. It imports nothing: a page may hold it inside itself.

let made = 0;

/** An element with attributes (`on…` are listeners, null and false are left out) and children (texts, elements). */
export function element(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
    else if (value === true) found.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) found.setAttribute(name, value);
  }
  found.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return found;
}

/** A control under its name: `.input` is the element that holds the value. */
function control(name, input, shown = null) {
  input.id = `control-${++made}`;
  const label = element("label", { for: input.id }, name);
  const found = element("div", { class: "control" }, element("div", { class: "name" }, label, shown), input);
  found.input = input;
  return found;
}

/** A slider from `low` to `high`; `change` is called with the number while it moves, `settle` when it rests. */
export function slider(name, { low, high, step = "any", value, change, settle, show = (x) => x.toFixed(2) }) {
  const shown = element("output", {}, show(Number(value)));
  const input = element("input", { type: "range", min: low, max: high, step });
  input.value = value;
  input.addEventListener("input", () => {
    shown.textContent = show(Number(input.value));
    change?.(Number(input.value));
  });
  input.addEventListener("change", () => settle?.(Number(input.value)));
  const found = control(name, input, shown);
  found.set = (x) => {
    input.value = x;
    shown.textContent = show(Number(x));
  };
  return found;
}

/** A field for a number; `change` is called with it, or with null where the field is empty. */
export function numberField(name, { low, high, step = "any", value, placeholder = "", change }) {
  const input = element("input", { type: "number", min: low, max: high, step, placeholder, inputmode: "decimal" });
  input.value = value ?? "";
  input.addEventListener("change", () => {
    if (input.reportValidity()) change(input.value === "" ? null : Number(input.value));
  });
  return control(name, input);
}

/** A field for a text. */
export function textField(name, { value = "", placeholder = "", change }) {
  const input = element("input", { type: "text", placeholder, autocomplete: "off", spellcheck: "false" });
  input.value = value;
  input.addEventListener("change", () => change(input.value));
  return control(name, input);
}

/** A choice of [value, text] pairs. */
export function choice(name, pairs, { value, change }) {
  const input = element("select", {}, pairs.map(([key, text]) => element("option", { value: key }, text)));
  input.value = value;
  input.addEventListener("change", () => change(input.value));
  return control(name, input);
}

/** A button; the `first` one is what the page is for. */
export function button(text, press, { first = false } = {}) {
  return element("button", { type: "button", class: first ? "first" : null, onclick: press }, text);
}
