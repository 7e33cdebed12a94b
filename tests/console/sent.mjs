// A file of the console as controllers/console.rs sends it: without the comments that have lines of their own.

/** @param {string} name @param {string} text */
export const sent = (name, text) => (name.endsWith(".js")
  ? text.replace(/^ *\/\*(?:[^*]|\*(?!\/))*\*\/\n/gm, "").replace(/^\s*\/\/.*\n/gm, "").replace(/^\s*\n/gm, "")
  : text);
