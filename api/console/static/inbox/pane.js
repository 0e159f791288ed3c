// The reading pane: the current gate's panel beside the list, with the next ones fetched before they are asked for.

import { $, el, getPart, post, tellRefusal } from "../core.js";
import * as lines from "./lines.js";

const AHEAD = 3, KEPT = 24, FRESH_MS = 120000, SEEN_MS = 700;
const wide = matchMedia("(min-width: 64rem)");
export const pane = $("[data-pane]");
export const usable = () => Boolean(pane) && wide.matches;
export const panel = () => $("article[data-gate]", pane ?? document.createElement("div"));

const parts = new Map();
const nameOf = (line) => `${line.dataset.gate}:${line.dataset.revision}`;

/** What the server shows for a line, from memory if it is there. */
function fetched(line) {
  const name = nameOf(line), known = parts.get(name);
  if (known && performance.now() - known.at < FRESH_MS) return known.part;
  const part = getPart(`/gates/${encodeURIComponent(line.dataset.gate)}?part=panel`);
  part.catch(() => parts.delete(name));
  parts.set(name, { part, at: performance.now() });
  if (parts.size > KEPT) parts.delete(parts.keys().next().value);
  return part;
}

/** Something happened to a gate: what is in memory of it is no longer what is there. */
export function forget(id) {
  for (const name of parts.keys()) if (name.startsWith(`${id}:`)) parts.delete(name);
}

export function ahead(line) {
  let next = line;
  for (let n = 0; n < AHEAD && next; n += 1) {
    next = lines.following(next, { around: false });
    if (next) fetched(next).catch(() => {});
  }
}

let asked = 0, looking = 0;

/** Show a line's panel. Whoever asks again meanwhile wins. */
export async function open(line) {
  const turn = ++asked;
  let part;
  pane.setAttribute("aria-busy", "true");
  try { part = await fetched(line); } catch (error) {
    if (turn === asked) { pane.replaceChildren(el("p", { class: "banner bad" }, `${error.message} ${error.remedy ?? ""}`)); pane.removeAttribute("aria-busy"); }
    return;
  }
  if (turn !== asked) return;
  pane.replaceChildren(part.cloneNode(true));
  pane.removeAttribute("aria-busy");
  pane.scrollTop = 0;
  const shown = panel();
  for (const title of pane.querySelectorAll("h1")) title.setAttribute("aria-level", "2"); // the page's own comes first
  if (shown) document.dispatchEvent(new CustomEvent("visto:panel", { detail: shown }));
  tell(line);
  clearTimeout(looking);
  if (shown?.dataset.seenUrl && lines.isOpen(line)) looking = setTimeout(() => saw(shown), SEEN_MS);
  ahead(line);
}

function saw(shown) {
  if (document.hidden || !shown.isConnected) return;
  post(shown.dataset.seenUrl, { revision: shown.dataset.revision }).catch(() => {});
}

/** Say above the panel what has become of its gate since it was shown. */
export function tell(line) {
  $("[data-told]", pane)?.remove();
  const shown = panel();
  if (!shown || shown.dataset.gate !== line.dataset.gate) return;
  if (line.dataset.end) pane.prepend(el("p", { class: "banner", "data-told": true, role: "status" }, el("span", {}, `${line.dataset.end}.`)));
  else if (line.hasAttribute("data-changed")) {
    const again = el("button", { class: "btn small", type: "button" }, "Show what it is now");
    again.addEventListener("click", () => renew(line));
    pane.prepend(el("p", { class: "banner warn", "data-told": true, role: "status" }, el("span", {}, "This gate has changed since it was shown."), again));
  }
}

/** Load a line and its panel anew, in place. */
export async function renew(line) {
  try {
    const part = await getPart(`/inbox?all=1&part=lines&ids=${encodeURIComponent(line.dataset.gate)}`);
    const fresh = $("li.line", part);
    forget(line.dataset.gate);
    if (!fresh) return;
    line.replaceWith(fresh);
    lines.makeCurrent(fresh);
    await open(fresh);
  } catch (error) { tellRefusal(error); }
}

/** Nothing is left: say so where the next gate would be. */
export function rest(text) {
  asked += 1;
  clearTimeout(looking);
  const again = el("a", { class: "btn", href: location.pathname + location.search }, "Load the list anew");
  pane.replaceChildren(el("div", { class: "empty", role: "status" }, el("h2", {}, "Everything here is decided"), el("p", {}, text), again));
}

wide.addEventListener("change", () => { if (pane) pane.hidden = !wide.matches; });
