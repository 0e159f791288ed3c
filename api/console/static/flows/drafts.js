// What was typed and not saved, kept in this browser until it is saved or discarded. It is the person's own: the key names them.

import { me } from "../core.js";

const DAYS = 30;

export class Drafts {
  constructor(name) {
    this.key = `visto.draft.${me}.${name}`;
  }

  /** What was kept: `{text, base, at}`, or null. */
  kept() { return read(`${this.key}.kept`) ?? read(this.key); }

  keep(text, base) { write(this.key, { text, base, at: Date.now() }); }

  /** Set aside what was kept before, since it is still to be decided about. */
  setAside() {
    const old = read(this.key);
    if (old && !read(`${this.key}.kept`)) write(`${this.key}.kept`, old);
  }

  drop() { remove(`${this.key}.kept`); }

  clear() { remove(this.key); remove(`${this.key}.kept`); }
}

// A browser may forbid storage; then nothing is kept and everything else works.
function read(key) {
  try {
    const found = JSON.parse(localStorage.getItem(key));
    if (!found || typeof found.text !== "string" || Date.now() - found.at > DAYS * 86_400_000) return null;
    return found;
  } catch { return null; }
}
function write(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* full or forbidden */ } }
function remove(key) { try { localStorage.removeItem(key); } catch { /* forbidden */ } }
