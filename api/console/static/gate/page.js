// A gate on its own page: keys, what happens to it elsewhere, and taking care of it in place. Decisions are sent by their
// forms: the page that follows says what was done, or why not, and offers to undo it.

import { $, $$, el, getJson, live, me, post, tellRefusal, toast, typing } from "../core.js";
import { attach } from "./actions.js";

const article = $("article[data-gate]");
const gate = attach(article);
const id = article.dataset.gate;
const CARE = ["claim", "release", "assign", "extend", "comment"];
const UNDO_MS = 5000;

article.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || !CARE.includes(form.dataset.act)) return;
  event.preventDefault();
  event.submitter?.setAttribute("aria-busy", "true");
  try {
    const answer = await post(form.getAttribute("action"), new FormData(form, event.submitter));
    form.reset();
    if (gate.typed()) toast(answer.text); else location.reload();
  } catch (error) { tellRefusal(error); refresh(); } finally { event.submitter?.removeAttribute("aria-busy"); }
});

// The offer to undo goes when its time is over.
const offers = () => $$('main > .banner form[action$="/undo"], form[data-act="undo"]');
setTimeout(() => { for (const form of offers()) form.remove(); }, UNDO_MS);

// Keys ----------------------------------------------------------------------------

const not = () => toast($(".gate-head .gate-notice .strong", article)?.textContent ?? "This is not possible here.", { tone: "warn" });
const KEYS = {
  a: () => { const button = $('form[data-act="approve"] button', article); if (button) button.click(); else not(); },
  e: () => gate.edit() || not(),
  r: () => gate.open("reject") || not(),
  u: () => gate.open("changes") || not(),
  z: () => { const form = offers()[0]; if (form) form.requestSubmit(); else toast("There is nothing to undo any more.", { tone: "info" }); },
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && gate.close()) return event.preventDefault();
  if (typing(event) || event.repeat) return;
  if (/^[1-9]$/.test(event.key) && gate.digit(Number(event.key))) return event.preventDefault();
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

// Seen means shown to somebody: not while the page is made ready in the background ------

function look() {
  if (document.hidden || document.prerendering) return;
  document.removeEventListener("visibilitychange", look);
  post(article.dataset.seenUrl, { revision: article.dataset.revision }).catch(() => {});
}
document.addEventListener("visibilitychange", look);
document.addEventListener("prerenderingchange", look, { once: true });
look();

// What happens to it elsewhere is said quietly; what was typed stays ----------------------

const SAID = ["comment.added", "decision.vote", "approval.extended", "approval.assigned", "decision.undone", "claim.released"];
const reload = () => location.reload();

async function refresh(kind = "") {
  let now;
  try { now = await getJson(`/gates/${id}?part=state`); } catch { return; }
  const closed = now.state !== "open", wasOpen = article.dataset.state === "open";
  const moved = String(now.revision) !== article.dataset.revision;
  const news = closed && wasOpen ? now.decided : moved ? now.revised : now.claimed || (SAID.includes(kind) ? now.last : "");
  rest(closed || moved || ("may" in article.dataset && !now.may_decide));
  if (news) say(news, now.at);
}

function rest(on) {
  article.toggleAttribute("data-stale", on);
  for (const button of $$(".gate-bar button, [data-look] button, .edit-form button", article)) button.disabled = on;
}

function say(text, at) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at ?? "")) / 1000));
  const when = seconds > 600 || Number.isNaN(seconds) ? "" : seconds < 2 ? "just now" : `${seconds} s ago`;
  const button = el("button", { class: "btn small", type: "button" }, gate.typed() ? "Show it, and lose what you typed" : "Show it");
  button.addEventListener("click", reload);
  $("[data-news]", article).replaceChildren(el("span", {}, `${text} ${when}`), button);
}

live((event) => {
  if (event.topic === "reload") refresh();
  if (event.topic === "gate" && event.id === id && event.by !== me && event.kind !== "approval.viewed") refresh(event.kind);
});
