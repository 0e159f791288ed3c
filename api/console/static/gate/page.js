// A gate on its own page: keys, what happens elsewhere, and going on after a decision.

import { $, toast, typing } from "../core.js";
import { attach, keys } from "./actions.js";

const article = $("article[data-gate]");
const gate = attach(article);
keys(gate, typing);

// Seen means shown to somebody: not while the page is made ready in the background.
const look = () => { if (!document.hidden && !document.prerendering) { gate.seen(); document.removeEventListener("visibilitychange", look); } };
document.addEventListener("visibilitychange", look);
document.addEventListener("prerenderingchange", look, { once: true });
look();

// The next page says what was done and offers to undo it: the server tells it by a note that survives the way there.
article.addEventListener("gate:decided", (event) => {
  event.preventDefault();
  sessionStorage.setItem("gate-told", JSON.stringify({ id: gate.id, text: event.detail.text, undo: event.detail.undo, until: Date.now() + event.detail.undo_s * 1000 }));
  location.assign(event.detail.to);
});
for (const name of ["gate:undone", "gate:changed"]) article.addEventListener(name, (event) => {
  event.preventDefault();
  sessionStorage.setItem("gate-told", JSON.stringify({ id: gate.id, text: event.detail.text }));
  location.reload();
});

const told = sessionStorage.getItem("gate-told");
sessionStorage.removeItem("gate-told");
if (told) {
  const { text, undo, until } = JSON.parse(told);
  const left = undo ? (until - Date.now()) / 1000 : 0;
  toast(text, left > 0 ? { undo: () => gate.undo(), seconds: left, key: "z" } : {});
}
