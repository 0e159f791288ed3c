// A gate on its own page: keys, being seen, and going on. Decisions are sent by their forms: the page that follows says what
// was done, or why not, and offers to undo it.

import { $, $$, toast, typing } from "../core.js";
import { attach } from "./actions.js";

const article = $("article[data-gate]");
const gate = attach(article, { native: ["approve", "reject", "changes", "edit", "undo"] });
const UNDO_MS = 5000;

article.addEventListener("gate:changed", (event) => {
  if (gate.typed()) return;
  event.preventDefault();
  location.reload();
});
article.addEventListener("click", (event) => { if (event.target.closest("[data-show-now]")) location.assign(location.pathname + location.search); });

// The offer to undo goes when its time is over.
const offers = () => $$('main form[action$="/undo"]');
setTimeout(() => { for (const form of offers()) form.remove(); }, UNDO_MS);
function undo() {
  const [form] = offers();
  if (form) form.requestSubmit(); else toast("There is nothing to undo any more.", { tone: "info" });
}

const keys = $('dialog[data-dialog="keys"]');
const KEYS = { a: gate.approve, e: gate.edit, r: gate.reject, u: gate.changes, z: undo, "?": () => keys.showModal() };
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !keys.open && gate.close()) event.preventDefault();
  if (typing(event) || event.repeat) return;
  if ((/^[1-9]$/.test(event.key) && gate.digit(Number(event.key))) || KEYS[event.key]) event.preventDefault();
  KEYS[event.key]?.();
});

// Seen means shown to somebody: not while the page is made ready in the background.
function look() {
  if (document.hidden || document.prerendering) return;
  document.removeEventListener("visibilitychange", look);
  gate.seen();
}
document.addEventListener("visibilitychange", look);
document.addEventListener("prerenderingchange", look, { once: true });
look();

// What happened between the making of the page and its listening is asked for once.
setTimeout(() => gate.refresh(), 2000);
