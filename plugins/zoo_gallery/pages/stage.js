// Where a view is shown: what is being done, what came of it, and how to have it again.

import { button, element } from "/pages/controls.js";
import { Refused, download, run } from "/pages/server.js";

/** A message: one line, what is wrong and what helps. */
export const message = (text) => element("p", { class: "message", role: "alert" }, text);

/** HTML that a kind of data has made of an example, with a description of its pictures. */
export function shown(html, description) {
  const found = element("div", { class: "shown" });
  found.innerHTML = html;
  for (const picture of found.querySelectorAll("img")) picture.alt = description;
  for (const drawing of found.querySelectorAll("svg")) {
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", `${description}: its notes`);
    drawing.setAttribute("preserveAspectRatio", "none");
  }
  for (const player of found.querySelectorAll("audio")) player.setAttribute("aria-label", `${description}: listen`);
  return found;
}

async function copy(text, pressed) {
  try {
    await navigator.clipboard.writeText(text);
    pressed.textContent = "Copied";
  } catch {
    pressed.textContent = "Select and copy it";
  }
  setTimeout(() => (pressed.textContent = "Copy"), 1500);
}

/** A text to take along, under its name, with a button that copies it. */
export function codeBlock(name, text) {
  const copied = button("Copy", () => copy(text, copied));
  copied.setAttribute("aria-label", `Copy: ${name}`);
  return element("div", { class: "code" }, element("div", { class: "name" }, name, copied), element("pre", { tabindex: 0 }, text));
}

/** Links to what a question shows, in files of these endings; `of` says of what where there are several. */
export function downloads(asked, endings, of = "") {
  return element("div", { class: "files" }, endings.filter((ending) => ending !== ".jpeg").map((ending) => {  // .jpg is the same
    const name = ending.slice(1).toUpperCase();
    return element("a", { class: "button", href: download(asked, ending), download: "", "aria-label": of ? `${name}: ${of}` : null }, name);
  }));
}

/** What shows the examples of one question in a list, in any order, and texts before they are whole; `card` makes the
 * element of an example from its HTML and number. What the list held goes when the first comes.
 */
export function arriving(list, card) {
  const places = [];
  const put = (index, made) => {
    if (!places.length) list.replaceChildren();
    while (places.length <= index) places.push(list.appendChild(element("li", { class: "item", hidden: true })));
    places[index].replaceWith(made);
    places[index] = made;
  };
  const text = (texts) => texts.forEach((one, index) => {
    if (one === null) return;  // it is whole
    if (places[index]?.classList.contains("writing")) places[index].querySelector("pre").textContent = one;
    else put(index, element("li", { class: "item writing" }, element("div", { class: "shown" }, element("pre", {}, one))));
  });
  return { text, item: (html, index) => put(index, card(html, index)) };
}

/** The stage of a view. */
export class Stage {
  /** A `quiet` one does not say how to have it again. */
  constructor({ quiet = false } = {}) {
    this.quiet = quiet;
    this.status = element("p", { class: "status quiet", role: "status" });
    this.bar = element("progress", { "aria-label": "progress", hidden: true });
    this.body = element("div", { class: "body" });
    this.again = element("section", { class: "again card", "aria-label": "Have it again", hidden: true });
    this.root = element("div", { class: "stage" }, this.body, element("div", { class: "doing" }, this.status, this.bar), this.again);
    this.abort = null;
    this.next = null;
  }

  /** Ask, and `draw` the answer; of what comes before it `early` may take each `text` and `item`.
   *
   * While the last question is being answered only the newest waits.
   */
  async ask(asked, draw, early = {}) {
    if (this.abort) {
      this.next = [asked, draw, early];
      return;
    }
    this.abort = new AbortController();
    const begun = performance.now();
    try {
      const found = await run(asked, { signal: this.abort.signal, told: (event) => this.tell(event, early) });
      this.body.querySelector(":scope > .message")?.remove();
      draw(found);
      const seconds = (performance.now() - begun) / 1000;
      this.status.textContent = [`Done in ${seconds.toFixed(1)} s.`, ...(found.notes ?? [])].join(" ");
      if (found.code && !this.quiet) this.offer(asked, found);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.status.textContent = "";
      this.body.querySelector(":scope > .message")?.remove();
      this.body.prepend(message(error.message));
      if (!(error instanceof Refused)) throw error;
      if (!error.status) dispatchEvent(new Event("gallery:lost"));
    } finally {
      this.abort = null;
      this.bar.hidden = true;
    }
    if (this.next) {
      const next = this.next;
      this.next = null;
      await this.ask(...next);
    }
  }

  /** Say what is being done. */
  tell(event, { text, item }) {
    if (event.event === "waiting") {
      this.status.textContent = event.before ? `Waiting: ${event.before} before this` : "Beginning";
    }
    if (event.event === "status") this.status.textContent = `${event.text[0].toUpperCase()}${event.text.slice(1)} …`;
    if (event.event === "progress") {
      this.bar.hidden = false;
      this.bar.max = event.total;
      this.bar.value = event.done;
    }
    if (event.event === "text") text?.(event.texts);
    if (event.event === "item") item?.(event.html, event.index);
  }

  /** How to have it again: link, code, files. */
  offer(asked, found) {
    this.again.hidden = false;
    const made = found.file && element("a", { class: "button", href: `/api/file?${new URLSearchParams(found.file)}`, download: "" }, "PNG");
    this.again.replaceChildren(
      element("h2", {}, "Have it again"),
      made ? element("div", { class: "files" }, made) : downloads(asked, this.endings ?? []),
      codeBlock("Python", found.code.python),
      codeBlock("Shell", found.code.shell),
      codeBlock("Link", location.href),
    );
  }

  /** Nobody looks any longer. */
  leave() {
    this.next = null;
    this.abort?.abort();
  }
}
