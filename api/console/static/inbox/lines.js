// The lines of the list: which are open, which is current, which are picked. What is decided stays, greyed, where it was.

import { $, $$ } from "../core.js";

export const root = $("[data-inbox]");
export const queue = $(".queue", root);
export const all = () => $$("li.line", queue);
export const of = (id) => $(`li.line[data-gate="${CSS.escape(id)}"]`, queue);
export const title = (line) => $(".line-title", line).textContent;
export const box = (line) => $("input[name=pick]", line);
export const isOpen = (line) => !line.dataset.end && !line.dataset.sending;
export const picked = () => all().filter((line) => isOpen(line) && box(line)?.checked);
export const current = () => $("li.line[aria-current]", queue);

/** The next open line after `line` in the list, going round at the end unless `around` is false; or null. */
export function following(line, { back = false, around = true, open = isOpen } = {}) {
  const lines = back ? all().reverse() : all();
  const at = lines.indexOf(line);
  return [...lines.slice(at + 1), ...(around ? lines.slice(0, Math.max(at, 0)) : [])].find(open) ?? null;
}

/** Make a line the current one, keep it in view, and let the keyboard be there. */
export function makeCurrent(line, { focus = true } = {}) {
  current()?.removeAttribute("aria-current");
  line.setAttribute("aria-current", "true");
  if (focus) $(".line-title", line).focus({ preventScroll: true });
  line.scrollIntoView({ block: "nearest" });
}

/** Grey a line that is decided or gone: it keeps its place and says how it ended. */
export function end(line, words) {
  delete line.dataset.sending;
  line.removeAttribute("aria-busy");
  line.dataset.end = words;
  const said = $("[data-end]", line);
  said.textContent = words;
  said.classList.remove("mark-bad");
  said.hidden = false;
  const pick = box(line);
  if (pick) { pick.checked = false; pick.disabled = true; }
}

/** A line waits again. `words` says why it was not decided. */
export function reopen(line, words = "") {
  delete line.dataset.sending;
  delete line.dataset.end;
  line.removeAttribute("aria-busy");
  const said = $("[data-end]", line);
  said.textContent = words;
  said.classList.toggle("mark-bad", Boolean(words));
  said.hidden = !words;
  const pick = box(line);
  if (pick) pick.disabled = false;
}

export function sending(line) {
  line.dataset.sending = "1";
  line.setAttribute("aria-busy", "true");
}

/** Show how a gate stands: `{state, revision, words, claimed, mine, looking}`. */
export function show(line, now) {
  if (now.words) end(line, now.words); else if (line.dataset.end) reopen(line);
  mark($("[data-claim]", line), now.mine ? "Claimed by you" : now.claimed && `Claimed by ${now.claimed}`);
  mark($("[data-looking]", line), now.looking.length ? `${now.looking.join(", ")} ${now.looking.length === 1 ? "is" : "are"} looking` : "");
  line.toggleAttribute("data-changed", now.state === "open" && String(now.revision) !== line.dataset.revision);
}

function mark(node, words) { node.textContent = words || ""; node.hidden = !words; }
