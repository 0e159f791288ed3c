// The reading pane: the current gate beside the list, with the next ones fetched before they are asked for.

import { $, $$, el, getPart } from "../core.js";
import { attach } from "../gate/actions.js";
import * as lines from "./lines.js";

const AHEAD = 3, KEPT = 24, FRESH_MS = 120000, SEEN_MS = 700;
/** Forms that the list sends itself, to go on at once; a gate's script does the others. */
export const SENT = ["approve", "reject", "changes"];
const wide = matchMedia("(min-width: 64rem)");
export const pane = $("[data-pane]");
export const usable = () => Boolean(pane) && wide.matches;

let gate = null, asked = 0, looking = 0;
const parts = new Map(), typed = new Map();
const nameOf = (line) => `${line.dataset.gate}:${line.dataset.revision}`;

/** The gate in the pane, if it is the current line's. */
export const shown = () => (gate && gate.id === lines.current()?.dataset.gate ? gate : null);

function fetched(line) {
  const name = nameOf(line), known = parts.get(name);
  if (known && performance.now() - known.at < FRESH_MS) return known.part;
  const part = getPart(`/gates/${encodeURIComponent(line.dataset.gate)}?part=panel`);
  part.catch(() => parts.delete(name));
  parts.set(name, { part, at: performance.now() });
  if (parts.size > KEPT) parts.delete(parts.keys().next().value);
  return part;
}

/** Something happened to a gate: what is in memory of it is not what is there any more. */
export function forget(id) {
  for (const name of parts.keys()) if (name.startsWith(`${id}:`)) parts.delete(name);
}

/** Take the gate out of the pane, with what was typed. */
export function drop() { gate?.detach(); gate = null; }

function ahead(line) {
  for (let n = 0, next = line; n < AHEAD && (next = lines.following(next)); n += 1) fetched(next).catch(() => {});
}

/** What was typed into a gate and not sent is there again when one comes back to it. */
function leave() {
  clearTimeout(looking);
  const line = gate && lines.of(gate.id);
  if (line && lines.isOpen(line) && gate.typed()) typed.set(gate.id, gate); else gate?.detach();
  gate = null;
}

/** Show a line's gate; whoever asks again meanwhile wins. Resolves to true if it is newer than its line. */
export async function open(line) {
  const turn = ++asked, kept = typed.get(line.dataset.gate), before = gate;
  let content;
  try { content = kept ? kept.article : (await fetched(line)).cloneNode(true); } catch (error) { content = el("p", { class: "banner bad" }, `${error.message} ${error.remedy ?? ""}`); }
  if (turn !== asked) return false;
  leave();
  pane.replaceChildren(content);
  pane.scrollTop = 0;
  typed.delete(line.dataset.gate);
  const article = $("article[data-gate]", pane);
  if (!article) return false;
  const now = gate = kept ?? attach(article, { native: SENT });
  if (before) now.settle();
  if (lines.isOpen(line)) looking = setTimeout(() => { if (!document.hidden && gate === now) gate.seen(); }, SEEN_MS);
  ahead(line);
  return article.dataset.revision !== line.dataset.revision;
}

/** Show something that is no gate. */
export function put(node) {
  asked += 1;
  leave();
  pane.replaceChildren(node);
}

/** Be there where the window is wide enough. */
export function fit() {
  if (pane) pane.hidden = !wide.matches;
  lines.root.classList.toggle("split", usable());
}
wide.addEventListener("change", fit);
