// A link is a view, a model, and what was chosen; `ask` makes a question of it.

const NUMBERS = ["seed", "n", "start", "end", "steps", "truncation"];
const TEXTS = ["label", "prior", "z"];
const TABLES = { d: "dims", c: "concepts", o: "options" };

/** `#/walk/vae-faces?seed=3&d.7=1.5` as { view, model, chosen }. */
export function read(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...rest] = path.split("/");
  return { view, model: decodeURIComponent(rest.join("/")), chosen: Object.fromEntries(new URLSearchParams(query)) };
}

/** The link of a view; what is empty is left out. */
export function write(view, model, chosen = {}) {
  const kept = Object.entries(chosen).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(kept.map(([key, value]) => [key, String(value)])).toString();
  return `#/${[view, model].filter(Boolean).map(encodeURIComponent).join("/")}${query ? `?${query}` : ""}`;
}

/** Put what was chosen into the address, without going anywhere. */
export const remember = (view, model, chosen) => history.replaceState(null, "", write(view, model, chosen));

/** The question for the server. */
export function ask(view, model, chosen, usual = {}) {
  const asked = { view, ...(model ? { model } : {}), ...usual };
  for (const [key, value] of Object.entries(chosen)) {
    const [table, name] = [key.slice(0, 1), key.slice(2)];
    if (NUMBERS.includes(key)) asked[key] = Number(value);
    else if (TEXTS.includes(key)) asked[key] = String(value);
    else if (key === "at") asked.at = String(value).split(",").map(Number);
    else if (key[1] === "." && TABLES[table]) {
      const number = value !== "" && Number.isFinite(Number(value)) && !(name === "prompt" || name === "sampler");
      asked[TABLES[table]] = { ...asked[TABLES[table]], [name]: number ? Number(value) : value };
    }
  }
  return asked;
}
