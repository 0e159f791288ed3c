// The lines of the list. What is decided stays where it was, greyed, and says how it ended.

import { $, $$ } from "../core.js";

export const root = $("[data-inbox]");
export const queue = $(".queue", root);
export const all = () => $$("li.line", queue);
export const of = (id) => $(`li.line[data-gate="${CSS.escape(id)}"]`, queue);
export const link = (line) => $(".line-title", line);
export const box = (line) => $("input[name=pick]", line);
export const isOpen = (line) => !line.dataset.end && !line.dataset.sending;
export const picked = () => all().filter((line) => isOpen(line) && box(line)?.checked);
export const current = () => $("li.line[aria-current]", queue);

/** The next line after `line` that is `open`, or before it; with `around` from the other end if there is none. */
export function following(line, { back = false, around = false, open = isOpen } = {}) {
  const lines = back ? all().reverse() : all(), at = lines.indexOf(line);
  return [...lines.slice(at + 1), ...(around ? lines.slice(0, Math.max(at, 0)) : [])].find(open);
}

export function makeCurrent(line, focus = true) {
  current()?.removeAttribute("aria-current");
  line.setAttribute("aria-current", "true");
  if (focus) link(line).focus({ preventScroll: true });
  line.scrollIntoView({ block: "nearest" });
}

/** `state` is "sending", "end" or "" for open; `words` say how it ended, or why it was not decided. */
export function set(line, state, words = "") {
  for (const name of ["sending", "end"]) if (state === name) line.dataset[name] = words || "1"; else delete line.dataset[name];
  line.setAttribute("aria-busy", state === "sending");
  const said = $("[data-end]", line), pick = box(line);
  said.textContent = said.title = words;
  said.hidden = !words;
  said.classList.toggle("mark-bad", !state && Boolean(words));
  const batch = line.closest(".batch"), done = $$("li.line[data-end]", batch).length;
  $("[data-done]", batch).textContent = `${done} decided`;
  if (pick) { pick.disabled = state !== ""; if (state === "end") pick.checked = false; }
}
