// What the page asks its server.

/** An answer that is no good: its message is one line, for people. */
export class Refused extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const GONE = "the gallery's server does not answer; start it again: zoo gallery";
const HAND_OVER = 10_000_000;  // bytes of a file: the server takes no more

async function answer(path, init = {}) {
  let found;
  try {
    found = await fetch(path, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(GONE);
  }
  if (found.ok) return found;
  const said = await found.json().catch(() => ({ message: `the server answered ${found.status}` }));
  throw new Refused(said.message, found.status);
}

export const json = async (path, init) => (await answer(path, init)).json();

/** Have a view made: `told` is called with each event on the way, and the last one is given, with all items. */
export async function run(asked, { told = () => {}, signal } = {}) {
  const found = await answer("/api/run", { method: "POST", body: JSON.stringify(asked), signal });
  const reader = found.body.pipeThrough(new TextDecoderStream()).getReader();
  const items = [];
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Refused(GONE);
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const event = JSON.parse(line);
        if (event.event === "error") throw new Refused(event.message, 422);
        if (event.event === "done") return { ...event, items };
        if (event.event === "item") items[event.index] = event.html;
        told(event);
      }
    }
  } catch (error) {
    throw error instanceof TypeError ? new Refused(GONE) : error;
  }
}

/** Send a file; gives the name by which views ask for it. */
export async function send(file) {
  if (file.size > HAND_OVER) throw new Refused(`${file.name} has more than 10 MB; make it smaller, and send it again`, 413);
  const found = await json(`/api/upload?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  return found.upload;
}

/** The address of what a view shows, as a file with that ending. */
export const download = (asked, format) =>
  `/api/download?asked=${encodeURIComponent(JSON.stringify({ ...asked, format }))}`;
