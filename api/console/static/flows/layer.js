// The coloured layer behind the textarea. It holds one element for each line and changes only those that changed.

import { el } from "../core.js";
import { line as coloured, START } from "./yaml.js";

const MOST = 3000; // lines beyond which nothing is coloured, so that typing stays quick
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb]/u;

export class Layer {
  constructor(box) {
    this.box = box;
    this.lines = []; // {text, node, before, after, pieces}: the state in which a line begins and ends
    this.marks = new Map();
  }

  /** Show `text`; says after which line it changed, and by how many lines it grew. */
  show(text) {
    const fresh = text.split("\n");
    const old = this.lines;
    const before = old.length;
    const plain = fresh.length > MOST;
    let head = 0;
    const shared = Math.min(fresh.length, old.length);
    while (head < shared && fresh[head] === old[head].text) head += 1;
    let tail = 0;
    while (tail < shared - head && fresh[fresh.length - 1 - tail] === old[old.length - 1 - tail].text) tail += 1;
    // lines are changed in place: an element more or less among so many makes the browser look at all of them again
    const changed = fresh.slice(head, fresh.length - tail);
    const gone = old.length - tail - head;
    const kept = Math.min(changed.length, gone);
    for (let n = 0; n < kept; n += 1) Object.assign(old[head + n], { text: changed[n], before: null });
    const made = changed.slice(kept).map((line) => ({ text: line, node: el("div", { class: "ln" }), before: null, after: null }));
    for (const one of old.splice(head + kept, gone - kept, ...made)) one.node.remove();
    const added = document.createDocumentFragment();
    for (const one of made) added.append(one.node);
    this.box.insertBefore(added, old[head + changed.length]?.node ?? null);
    this.#colour(head, plain);
    return { head, more: fresh.length - before };
  }

  #colour(from, plain) {
    let state = from > 0 ? this.lines[from - 1].after ?? START : START;
    for (let at = from; at < this.lines.length; at += 1) {
      const one = this.lines[at];
      if (one.before && same(one.before, state) && one.plain === plain) break;
      const found = plain ? { pieces: one.text ? [["text", one.text]] : [], state: START } : coloured(one.text, state);
      Object.assign(one, { before: state, after: found.state, pieces: found.pieces, plain });
      this.#draw(one, this.marks.get(at) ?? []);
      state = found.state;
    }
  }

  /** Mark places: `[{line, column, severity}]`, counted from 1, columns in characters. */
  mark(marks) {
    const before = this.marks;
    this.marks = new Map();
    for (const one of marks) {
      const at = Math.min(one.line, this.lines.length) - 1;
      if (at >= 0) this.marks.set(at, [...(this.marks.get(at) ?? []), one]);
    }
    for (const at of new Set([...before.keys(), ...this.marks.keys()])) if (this.lines[at]) this.#draw(this.lines[at], this.marks.get(at) ?? []);
  }

  #draw(one, marks) {
    const ranges = marks.map((mark) => ({ ...range(one.text, mark.column), severity: mark.severity }));
    one.node.className = marks.length ? `ln has is-${worst(marks)}` : "ln";
    const nodes = [];
    let at = 0;
    for (const [kind, text] of one.pieces) {
      let from = 0;
      while (from < text.length) {
        const here = at + from;
        const mark = ranges.find((r) => r.from <= here && here < r.to);
        const stops = ranges.flatMap((r) => [r.from, r.to]).filter((n) => n > here).map((n) => n - at);
        const to = Math.min(text.length, ...stops);
        nodes.push(...spans(kind, text.slice(from, to), mark));
        from = to;
      }
      at += text.length;
    }
    for (const mark of ranges) if (mark.from >= one.text.length) nodes.push(el("span", { class: `mk is-${mark.severity} end` }, "\u200b"));
    one.node.replaceChildren(...nodes, "\n");
  }

  /** Where a place is on the screen, as a rectangle; `offset` in code units of the line. */
  place(number, offset) {
    const one = this.lines[Math.min(number, this.lines.length - 1)];
    const range = document.createRange();
    const walker = document.createTreeWalker(one.node, NodeFilter.SHOW_TEXT);
    let left = offset;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left <= node.length) { range.setStart(node, left); range.collapse(true); break; }
      left -= node.length;
    }
    const found = range.getClientRects()[0];
    return found ?? one.node.getBoundingClientRect();
  }

  node(number) { return this.lines[Math.min(number, this.lines.length - 1)].node; }
}

function same(a, b) { return a.block === b.block && a.quote === b.quote && a.flow === b.flow; }

function worst(marks) { return ["error", "later", "warning"].find((severity) => marks.some((mark) => mark.severity === severity)); }

/** A column in characters as an offset in code units. */
export function offsetOf(text, column) { return [...text].slice(0, column - 1).join("").length; }

function range(text, column) {
  const from = offsetOf(text, column);
  const word = text.slice(from).match(/^(?:[^\s:,{}[\]]+|.)/u);
  return { from, to: from + (word ? word[0].length : 0) };
}

function spans(kind, text, mark) {
  const classes = [kind && `y-${kind}`, mark && `mk is-${mark.severity}`].filter(Boolean).join(" ");
  if (!UNSEEN.test(text)) return [classes ? el("span", { class: classes }, text) : text];
  return [...text].map((character) => el("span", { class: UNSEEN.test(character) ? `${classes} unseen` : classes }, character));
}
