// Completion with Ctrl+Space: keys and values that the language's own schema knows at this place.

import { el, getJson, tellRefusal } from "../core.js";
import { insert, lineAt } from "./keys.js";

const LINE = /^(?<indent>\s*)(?<dashes>(?:-\s+)*)(?<key>[\w.-]+)?(?<colon>\s*:(?:\s|$))?/;
const MOST = 60;
let asked = null;
const words = () => (asked ??= getJson("/flows/-/words").catch((error) => { asked = null; throw error; }));

function parsed(text) {
  const { indent, dashes, key, colon } = text.match(LINE).groups;
  return { dash: indent.length, column: indent.length + dashes.length, item: dashes.length > 0, key: colon ? key : undefined, blank: !text.trim() || text.trim().startsWith("#") };
}

/** Keys from the root to here, and for list elements their `type`: `[{key: "tasks"}, {item: true, type: "gate"}, ...]`. */
function context(lines, number, here) {
  const path = [];
  for (let at = number, now = here; ;) {
    let first = now.item ? at : -1;
    let dash = now.dash;
    let parent = -1;
    for (let up = at - 1; up >= 0 && first < 0 && parent < 0; up -= 1) {
      const one = parsed(lines[up]);
      if (one.blank || one.column > now.column) continue;
      if (one.column < now.column) parent = up;
      else if (one.item) { first = up; dash = one.dash; }
    }
    if (first >= 0) {
      path.unshift({ item: true, type: typeOf(lines, at, now.column) });
      for (let up = first - 1; up >= 0 && parent < 0; up -= 1) {
        const one = parsed(lines[up]);
        if (!one.blank && one.column <= dash) parent = up;
      }
    }
    const above = parent >= 0 ? parsed(lines[parent]) : null;
    if (above?.key === undefined) return path;
    path.unshift({ key: above.key, type: first < 0 ? typeOf(lines, at, now.column) : undefined });
    at = parent;
    now = above;
  }
}

/** The `type` among the keys that stand in `column` around line `number`. */
function typeOf(lines, number, column) {
  for (const step of [-1, 1]) for (let at = step < 0 ? number : number + 1; at >= 0 && at < lines.length; at += step) {
    const one = parsed(lines[at]);
    if (one.blank) continue;
    const begins = one.item && one.column === column;
    if (one.column < column || (step > 0 && begins)) break;
    const type = one.column === column && lines[at].slice(column).match(/^type:\s*([\w.]+)/)?.[1];
    if (type) return type;
    if (begins) break;
  }
  return undefined;
}

function nodeAt({ root, nodes }, path) {
  let node = nodes[root];
  const typed = (one, type) => (one?.t ? { ...(nodes[one.t[type]] ?? {}), choices: one } : one);
  for (const step of path) {
    if (!node) return null;
    if (step.item) node = typed(nodes[node.i], step.type);
    else node = typed(nodes[node.k?.[step.key]?.n ?? node.a], step.type);
  }
  return node;
}

/** What fits here: `{from, to, options: [{text, about, put}]}`. */
export function options(data, text, caret) {
  const lines = text.split("\n");
  const number = text.slice(0, caret).split("\n").length - 1;
  const { from } = lineAt(text, caret);
  const before = text.slice(from, caret);
  const here = parsed(before);
  const value = before.match(/^(\s*(?:-\s+)*)([\w.-]+):\s+([\w.-]*)$/);
  const key = before.match(/^(\s*(?:-\s+)*)([\w.-]*)$/);
  if (!value && !key) return null;
  const column = (value ?? key)[1].length;
  const typed = (value ? value[3] : key[2]).toLowerCase();
  const node = nodeAt(data, context(lines, number, { ...here, column }));
  if (!node) return null;
  const found = value ? valuesOf(node, value[2]) : keysOf(node, lines, number, column);
  const fitting = found.filter((one) => one.text.toLowerCase().startsWith(typed) && one.text.toLowerCase() !== typed);
  const more = found.filter((one) => !one.text.toLowerCase().startsWith(typed) && typed && one.text.toLowerCase().includes(typed));
  return { from: caret - typed.length, to: caret, options: [...fitting, ...more].slice(0, MOST) };
}

function valuesOf(node, key) {
  const choices = node.choices;
  if (key === "type" && choices?.t) return Object.keys(choices.t).map((text) => ({ text, about: choices.d[text], put: text }));
  return (node.k?.[key]?.v ?? []).map((text) => ({ text, about: "", put: text }));
}

function keysOf(node, lines, number, column) {
  const used = new Set();
  for (const step of [-1, 1]) for (let at = number + step; at >= 0 && at < lines.length; at += step) {
    const one = parsed(lines[at]);
    if (one.blank) continue;
    if (one.column < column || (step > 0 && one.item && one.column === column)) break;
    if (one.column === column && one.key) used.add(one.key);
    if (step < 0 && one.item && one.column === column) break;
  }
  const keys = { ...(node.choices && !node.k ? { id: {}, type: {} } : {}), ...node.k };
  return Object.entries(keys).filter(([text]) => !used.has(text)).map(([text, one]) => ({ text, about: one.d ?? "", put: `${text}: ` }));
}

/** The list under the caret. */
export class Completion {
  constructor(area, layer, box, say) {
    Object.assign(this, { area, layer, box, say, list: null, chosen: 0, found: null });
    area.setAttribute("aria-autocomplete", "list");
    area.addEventListener("blur", () => this.close());
  }

  get open() { return this.list !== null; }

  async show() {
    let data;
    try { data = await words(); } catch (error) { tellRefusal(error); return; }
    this.update(data, true);
  }

  /** Ask again after typing, only while the list is open. */
  async refresh() { if (this.open) this.update(await words(), false); }

  update(data, asked) {
    const { value, selectionStart } = this.area;
    this.found = options(data, value, selectionStart);
    this.close();
    if (!this.found?.options.length) { if (asked) this.say("Nothing known fits here."); return; }
    this.list = el("ul", { class: "ed-list", id: "ed-list", role: "listbox", "aria-label": "What fits here" },
      ...this.found.options.map((one, n) => el("li", { role: "option", id: `ed-option-${n}` }, el("span", { class: "mono" }, one.text), el("span", { class: "dim tiny" }, one.about ?? ""))));
    this.list.addEventListener("mousedown", (event) => { const at = [...this.list.children].indexOf(event.target.closest("li")); event.preventDefault(); if (at >= 0) this.take(at); });
    this.box.append(this.list);
    const number = value.slice(0, this.found.from).split("\n").length - 1;
    const spot = this.layer.place(number, this.found.from - lineAt(value, this.found.from).from);
    const frame = this.box.getBoundingClientRect();
    this.list.style.left = `${Math.max(0, Math.min(spot.left - frame.left, frame.width - this.list.offsetWidth - 8))}px`;
    const under = spot.bottom - frame.top + 4;
    this.list.style.top = `${spot.bottom + this.list.offsetHeight > innerHeight ? spot.top - frame.top - this.list.offsetHeight - 4 : under}px`;
    this.area.setAttribute("aria-controls", "ed-list");
    this.choose(0);
    if (asked) this.say(`${this.found.options.length} ${this.found.options.length === 1 ? "entry fits" : "entries fit"} here. Arrow keys choose, Enter takes one.`);
  }

  choose(at) {
    const all = [...this.list.children];
    this.chosen = (at + all.length) % all.length;
    all.forEach((one, n) => one.setAttribute("aria-selected", String(n === this.chosen)));
    all[this.chosen].scrollIntoView({ block: "nearest" });
    this.area.setAttribute("aria-activedescendant", all[this.chosen].id);
  }

  take(at = this.chosen) {
    const { from, to, options: all } = this.found;
    this.close();
    this.area.setSelectionRange(from, to);
    insert(this.area, all[at].put);
  }

  close() {
    this.list?.remove();
    this.list = null;
    this.area.removeAttribute("aria-activedescendant");
    this.area.removeAttribute("aria-controls");
  }

  /** Returns whether the key was for the list. */
  handle(event) {
    if (!this.open) return false;
    if (event.key === "ArrowDown") this.choose(this.chosen + 1);
    else if (event.key === "ArrowUp") this.choose(this.chosen - 1);
    else if (event.key === "Enter" || event.key === "Tab") this.take();
    else if (event.key === "Escape") this.close();
    else { if (["ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"].includes(event.key)) this.close(); return false; }
    return true;
  }
}
