// A gate on its own page: keys, being seen, deciding, and going on. The next gate of the list is there at once when it came
// in time; otherwise the form goes its own way, and the page that follows says what was done, or why not.

import { $, $$, csrf, el, post, tellRefusal, toast, typing } from "../core.js";
import { attach } from "./actions.js";
import * as onward from "./onward.js";

const DECIDES = ["approve", "reject", "changes", "edit"], UNDO_MS = 5000, UNPROCESSABLE = 422;
const main = $("#main");
let own = $("[data-own]"), gate = attached(), sending = null, queued = false, offered = null;

function attached() { return attach($("article[data-gate]", own), { native: [...DECIDES, "undo"] }); }

main.addEventListener("gate:changed", async (event) => {
  if (gate.typed()) return;
  event.preventDefault();
  await sending;
  location.reload();
});
main.addEventListener("click", (event) => { if (event.target.closest("[data-show-now]")) location.assign(location.pathname + location.search); });

// Deciding and going on. A refusal brings the gate back -------------------------------------

main.addEventListener("submit", (event) => {
  const form = event.target, submitter = event.submitter;
  if (event.defaultPrevented || !DECIDES.includes(form.dataset.act)) return;
  if ("settling" in gate.article.dataset) { event.preventDefault(); return; } // keys, too: it has just come
  const wait = sending || onward.coming(), next = wait ? null : onward.take();
  if (!wait && !next) return;
  event.preventDefault();
  if (wait) decideAfter(form, submitter);
  else sending = decide(form, submitter, next).finally(() => { sending = null; });
});
addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });

/** One after the other, and after the next gate: it waits for both, and goes nowhere when the one before is refused. */
async function decideAfter(form, submitter) {
  if (queued) return;
  queued = true;
  submitter?.setAttribute("aria-busy", "true");
  const taken = await (sending ?? true);
  if (taken) await onward.coming();
  queued = false;
  submitter?.removeAttribute("aria-busy");
  if (taken && own.contains(form)) form.requestSubmit(submitter);
}

/** Whether it was taken. */
async function decide(form, submitter, next) {
  const here = own, was = gate, edits = form.dataset.act === "edit";
  const asked = post(form.getAttribute("action"), new FormData(form, submitter), { keepalive: !edits }); // what is kept alive is small
  if (edits) submitter?.setAttribute("aria-busy", "true"); else put(next); // an edit may be refused for what is in its fields
  try {
    const answer = await asked;
    if (edits) put(next);
    toast(`${here.dataset.title}: ${answer.text}`, answer.undo ? { undo: offer(answer), seconds: answer.undo_s, key: "z" } : {});
    return true;
  } catch (error) {
    submitter?.removeAttribute("aria-busy");
    refused(error, here, was, edits && form);
    return false;
  } finally {
    if (own !== here) { was.detach(); gate.seen(); gate.refresh(); }
    onward.ready(own);
  }
}

function refused(error, here, was, edited) {
  if (own !== here && gate.typed()) { // what is being written stays; the way back stays with it
    const words = `${here.dataset.title}: ${error.message} ${error.remedy ?? ""}`;
    $("[data-news]", own).replaceChildren(el("span", {}, words), el("a", { class: "btn small", href: here.dataset.here }, "Go back to it"));
    toast(words, { tone: "bad" }); // one may have scrolled far away from the words that stay
    return;
  }
  if (own !== here) { gate.detach(); put(here, was); }
  if (edited && error.status === UNPROCESSABLE) { setTimeout(() => HTMLFormElement.prototype.submit.call(edited)); return; } // its page says which field
  tellRefusal(error);
  was.refresh();
}

/** On to the next gate without deciding. */
async function skip() {
  await sending;
  await onward.coming();
  if (gate.typed()) { toast("Something is typed here and not sent: use its own button, or clear it.", { tone: "warn" }); return; }
  const link = $("[data-skip]", own), was = gate, next = link && onward.take();
  if (!next) { link?.isConnected ? location.assign(link.href) : toast("There is no list to go on in.", { tone: "info" }); return; }
  put(next);
  was.detach();
  gate.seen();
  gate.refresh();
  onward.ready(own);
}
main.addEventListener("click", (event) => {
  if (!event.target.closest("[data-skip]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  skip();
});

/** Show a gate in place of the other; without scripts it would be a page of its own. */
function put(node, known = null) {
  own.replaceWith(node);
  own = node;
  gate = known ?? attached();
  gate.settle();
  $("[data-flash]")?.remove();
  history.replaceState(null, "", node.dataset.here);
  for (const back of $$('form[action="/theme"] [name=back]')) back.value = node.dataset.here;
  document.title = `${node.dataset.title} · Visto`;
  scrollTo(0, 0);
  const title = $("h1", node);
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
}

// Taking back: the gate opens again on its page ------------------------------------------------

function offer(answer) {
  const hidden = (name, value) => el("input", { type: "hidden", name, value });
  const form = el("form", { method: "post", action: answer.undo, hidden: true }, hidden("csrf", csrf), hidden("queue", new URLSearchParams(location.search).get("queue") ?? ""));
  const undo = offered = async () => {
    await sending;
    document.body.append(form);
    form.requestSubmit();
  };
  setTimeout(() => { if (offered === undo) offered = null; }, answer.undo_s * 1000);
  return undo;
}

const offers = () => $$('main form[action$="/undo"]');
setTimeout(() => { for (const form of offers()) form.remove(); }, UNDO_MS); // the offer goes when its time is over

async function undo() {
  await sending;
  const [form] = offers();
  if (form) form.requestSubmit(); else if (offered) offered(); else toast("There is nothing to undo any more.", { tone: "info" });
}

const keys = $('dialog[data-dialog="keys"]');
const KEYS = { j: skip, a: () => gate.approve(), e: () => gate.edit(), r: () => gate.reject(), u: () => gate.changes(), z: undo, "?": () => keys.showModal() };
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
  onward.ready(own);
}
document.addEventListener("visibilitychange", look);
document.addEventListener("prerenderingchange", look, { once: true });
look();

// What happened between the making of the page and its listening is asked for once.
setTimeout(() => gate.refresh(), 2000);
