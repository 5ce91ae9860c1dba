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
    const endings = found.file ? [] : (this.endings ?? []).filter((ending) => ending !== ".jpeg");  // .jpg is the same
    const files = endings.map((ending) =>
      element("a", { class: "button", href: download(asked, ending), download: "" }, ending.slice(1).toUpperCase()));
    if (found.file) {
      const query = new URLSearchParams(found.file);
      files.push(element("a", { class: "button", href: `/api/file?${query}`, download: "" }, "PNG"));
    }
    this.again.replaceChildren(
      element("h2", {}, "Have it again"),
      element("div", { class: "files" }, files),
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
