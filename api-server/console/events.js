// Server-sent events out of the text that they come as. Pure.

/** An event that is longer is none of ours. */
const LONGEST = 4_000_000;

/**
 * Takes text apart into events, whatever pieces it comes in. What has an id alone, and no data, is told, too: from there one
 * goes on. Pure.
 * @param {(event: { id: string | null, event: string, data: string }) => void} told
 */
export function reader(told) {
  let rest = "";
  /** @type {{ id: string | null, event: string, data: string[] }} */
  let made = { id: null, event: "message", data: [] };
  return (/** @type {string} */ text) => {
    rest += text;
    // A return at the end may be half of an end of a line.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST) throw new Error("too long");
    for (const line of lines) {
      if (line === "") {
        if (made.data.length || made.id !== null) told({ ...made, data: made.data.join("\n") });
        made = { id: null, event: "message", data: [] };
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
      if (name === "data") made.data.push(value);
      else if (name === "event") made.event = value;
      else if (name === "id") made.id = value;
    }
  };
}
