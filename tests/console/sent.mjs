// A file of the console as controllers/console.rs sends it: without types, and without comments that have lines of their own.

/** @param {string} name @param {string} text */
export function sent(name, text) {
  if (!name.endsWith(".js")) return text;
  const code = text.replace(/^ *\/\*\*(?:[^*]|\*(?!\/))*\n *\*\/$/gm, "").replace(/\/\*\* .*?\*\/ ?/g, "");
  return code.split("\n").filter((line) => line.trim() && !line.trim().startsWith("//")).map((line) => line.trimEnd() + "\n").join("");
}

const LAZY = new Set(["conflict.js", "more.js", "record.js", "versions.js", "text/en.js", "text/fr.js"]);

/** Whether a page asks for a file only once it is wanted, as controllers/console.rs decides. @param {string} name */
export const isLazy = (name) => LAZY.has(name) || (name.startsWith("screens/") && name !== "screens/sign-in.js") || name.startsWith("ring/");
