// Choosing a file of one's own: by a button, or by dropping it.

import { element } from "/pages/controls.js";
import { send } from "/pages/server.js";

/** A field that takes a file; `sent` is called with the name by which views ask for it, `failed` with an error. */
export function filePicker(name, endings, { sent, failed, began = () => {} }) {
  const input = element("input", { type: "file", accept: endings.join(","), id: "own-file" });
  const said = element("span", { class: "quiet" }, "or drop it here; at most 10 MB and 40 megapixels, and it stays on this machine");
  const found = element("div", { class: "drop" }, element("label", { class: "button", for: "own-file" }, name), input, said);
  const take = async (file) => {
    if (!file) return;
    said.textContent = file.name;
    began();
    try {
      sent(await send(file), file);
    } catch (error) {
      failed(error);
    }
    input.value = "";
  };
  input.addEventListener("change", () => take(input.files[0]));
  found.addEventListener("dragover", (event) => event.preventDefault());
  found.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  return found;
}
