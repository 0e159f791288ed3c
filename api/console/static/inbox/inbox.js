// The inbox with scripts: keys, the gate beside the list, undoing, and what others do meanwhile.

import { $, $$, getJson, getPart, live, post, tellRefusal, toast, typing } from "../core.js";
import * as lines from "./lines.js";
import * as pane from "./pane.js";

const { root, queue } = lines;
const holder = $("[data-lines]", queue), news = $("[data-news]", queue);
const NEAR_END = 15, MOST = 100, LOST_MS = 20000;
const WORDS = { approved: "Approved", edited: "Approved with changes", rejected: "Rejected", changes_requested: "Changes requested" };
export const tally = { done: 0 };

// Going through the list

export function go(line, focus = true) {
  if (!line) return;
  lines.makeCurrent(line, focus);
  if (pane.usable()) {
    history.replaceState(null, "", `#${line.dataset.gate}`);
    pane.open(line);
  }
  if (lines.all().length - lines.all().indexOf(line) < NEAR_END) loadMore();
}

function step(back) {
  const line = lines.current();
  go(line ? lines.following(line, { back, open: () => true }) : lines.all()[0]);
}

export async function goOn(from) {
  const next = lines.following(from) ?? (await loadMore(), lines.following(from, { around: true }));
  if (next) return go(next);
  if (pane.usable()) pane.rest(`You decided ${tally.done} since you opened this page.`);
}

let loading = null;
function loadMore() {
  const more = $("[data-more]", holder ?? queue);
  if (!more) return null;
  return loading ??= (async () => {
    try {
      const address = new URL(more.dataset.more, location);
      address.searchParams.set("part", "lines");
      add(await getPart(address), more);
    } catch (error) { tellRefusal(error); } finally { loading = null; }
  })();
}

/** Put lines in place of `place`; a gate that is in the list already stays where it is. */
function add(part, place) {
  for (const line of $$("li.line", part)) if (lines.of(line.dataset.gate)) line.remove();
  for (const batch of $$(".batch", part)) if (!$("li.line", batch)) batch.remove();
  place.replaceWith(part);
}

/** Load a line and its gate anew, in place. */
async function renew(line) {
  try {
    const fresh = $("li.line", await getPart(`/inbox?all=1&part=lines&ids=${line.dataset.gate}`));
    pane.forget(line.dataset.gate);
    if (fresh) line.replaceWith(fresh);
    go(fresh ?? line, false);
  } catch (error) { tellRefusal(error); }
}

// Deciding: the gate's own forms send; the next gate opens at once, a refusal brings this one back

if (pane.pane) {
  pane.pane.addEventListener("submit", (event) => {
    const article = event.target.closest("article[data-gate]"), line = article && lines.of(article.dataset.gate);
    if (!line || article.hasAttribute("data-stale") || !["approve", "reject", "changes"].includes(event.target.dataset.act)) return;
    const lost = setTimeout(() => { lines.set(line, ""); refresh([line.dataset.gate]); }, LOST_MS);
    const on = (name, then) => article.addEventListener(name, (told) => { clearTimeout(lost); told.preventDefault(); told.stopPropagation(); then(told.detail); }, { once: true });
    on("gate:decided", (answer) => decided(line, answer));
    on("gate:refused", (error) => {
      lines.set(line, "", error.message);
      refresh([line.dataset.gate]);
      tellRefusal(error);
    });
    lines.set(line, "sending");
    goOn(line);
  });
  const here = (name, then) => pane.pane.addEventListener(name, (event) => {
    const line = lines.of(event.target.dataset.gate);
    if (line) { event.preventDefault(); then(line, event.detail); }
  });
  here("gate:decided", (line, answer) => { decided(line, answer); goOn(line); });
  here("gate:undone", (line, answer) => { toast(answer.text); reopened(line.dataset.gate); renew(line); });
  here("gate:changed", (line, answer) => { toast(answer.text); renew(line); });
  pane.pane.addEventListener("click", (event) => {
    const line = lines.current();
    if (!line || !event.target.closest("[data-show-now]")) return;
    event.stopPropagation();
    renew(line);
  }, true);
}

function decided(line, answer) {
  const words = WORDS[answer.outcome];
  tally.done += 1;
  pane.forget(line.dataset.gate);
  lines.set(line, "end", words ? `${words} by you` : "Your vote counts; others must agree");
  offerUndo(words ? `${words}: ${lines.link(line).textContent}` : answer.text, answer, [line.dataset.gate]);
}

function approve() {
  const gate = pane.shown(), line = lines.current();
  if (!gate) return pane.usable() || toast("Open the gate to decide on it.", { tone: "info" });
  if (!lines.isOpen(line)) return toast(`${line.dataset.end || "It is being decided"}.`, { tone: "info" });
  if (gate.typed()) return toast("Something is typed here and not sent: use its own button, or clear it.", { tone: "warn" });
  gate.approve();
}

const undoable = [];
let closeOffer = () => {};

export function offerUndo(text, answer, ids) {
  closeOffer();
  if (!answer.undo) { toast(text, { tone: answer.tone }); return; }
  const entry = { ids, address: answer.undo, until: performance.now() + answer.undo_s * 1000 };
  undoable.push(entry);
  closeOffer = toast(text, { tone: answer.tone, undo: () => undo(entry), seconds: answer.undo_s, key: "z" });
}

async function undo(entry) {
  if (!entry || performance.now() > entry.until) { toast("There is nothing to undo any more.", { tone: "info" }); return; }
  entry.until = 0;
  closeOffer();
  try {
    const answer = await post(entry.address, entry.address === "/inbox/undo" ? { pick: entry.ids } : {}), ids = answer.done ?? entry.ids;
    toast(answer.text, { tone: answer.tone });
    if (answer.refused?.length) (await import("./many.js")).report(answer.text, answer.refused);
    ids.forEach(reopened);
    if (ids.length) go(lines.of(ids[0]));
  } catch (error) { tellRefusal(error); }
}

function undoLast() {
  while (undoable.length && performance.now() > undoable.at(-1).until) undoable.pop();
  undo(undoable.pop());
}

function reopened(id) {
  const line = lines.of(id);
  tally.done = Math.max(0, tally.done - 1);
  if (line) lines.set(line, "");
  pane.forget(id);
  refresh([id]);
}

// What others do: a line tells it where it stands, new gates are announced and come when asked for

const changed = new Set(), arrived = new Set();
let refreshing = 0, looking = 0, fresh = [];
const some = (ids) => { const taken = [...ids].slice(0, MOST); for (const id of taken) ids.delete(id); return taken.join(","); };

export function refresh(ids) {
  for (const id of ids) changed.add(id);
  refreshing ||= setTimeout(async () => {
    refreshing = 0;
    const asked = some(changed);
    if (changed.size) refresh([]);
    const found = await getJson(`/inbox/states?ids=${asked}`).catch(() => ({ gates: [] }));
    for (const now of found.gates) {
      const line = lines.of(now.id);
      if (line && !line.dataset.sending) lines.show(line, now);
    }
    document.dispatchEvent(new CustomEvent("inbox:shown"));
  }, 120);
}

function look() {
  looking ||= setTimeout(async () => {
    looking = 0;
    const found = await getJson(`/inbox/fresh?${root.dataset.query}&ids=${some(arrived)}`).catch(() => ({ ids: [] }));
    fresh.push(...found.ids.filter((id) => !fresh.includes(id) && !lines.of(id)));
    announce();
  }, 400);
}

function announce() {
  news.hidden = !fresh.length;
  $("button", news).textContent = `${fresh.length} new: show`;
}

$("button", news).addEventListener("click", async () => {
  const ids = fresh;
  if (!holder || ids.length > MOST) { location.assign(location.pathname + location.search); return; }
  fresh = [];
  announce();
  try {
    const mark = document.createElement("div");
    holder.prepend(mark);
    add(await getPart(`/inbox?${root.dataset.query}&part=lines&ids=${ids.join(",")}`), mark);
    go(lines.all()[0]);
  } catch (error) { tellRefusal(error); }
});

live((event) => {
  if (event.topic === "reload") { refresh(lines.all().map((line) => line.dataset.gate)); return; }
  if (event.topic !== "gate") return;
  pane.forget(event.id);
  if (lines.of(event.id)) refresh([event.id]);
  else if (["approval.requested", "approval.assigned", "decision.undone"].includes(event.kind)) { arrived.add(event.id); look(); }
});

// Many at once, and the keys' list, are loaded when they are first needed

const many = (act) => () => import("./many.js").then(act, () => toast("The server cannot be reached.", { tone: "bad" }));
queue.addEventListener("change", (event) => { if (event.target.name === "pick") many((to) => to.changed(event.target))(); });
queue.addEventListener("click", (event) => {
  const line = event.target.closest("li.line");
  if (!line || !pane.usable() || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest(".line-pick")) return;
  event.preventDefault();
  go(line);
});

const one = (act) => () => { const gate = pane.shown(); if (gate && lines.isOpen(lines.current())) act(gate); };
const orMany = (action, act) => () => (lines.picked().length ? many((to) => to.decide(action))() : act());
const KEYS = {
  j: () => step(false), k: () => step(true), a: orMany("approve", approve), r: orMany("reject", one((gate) => gate.reject())),
  e: one((gate) => gate.edit()), u: one((gate) => gate.changes()), x: many((to) => to.toggle(false)), X: many((to) => to.toggle(true)),
  z: undoLast, "?": many((to) => to.showKeys()),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { away(event); return; }
  if (typing(event)) return;
  if (event.key === "Enter") { enter(event); return; }
  if (/^[1-9]$/.test(event.key) && !event.repeat && pane.shown()?.digit(Number(event.key))) { event.preventDefault(); return; }
  const act = KEYS[event.key];
  if (!act || (event.repeat && !"jk".includes(event.key))) return;
  event.preventDefault();
  act();
});

function enter(event) {
  const line = lines.current(), on = event.target.closest("a, button, summary, input, label");
  if (!line || !pane.usable() || (on && on !== lines.link(line))) return;
  event.preventDefault();
  location.assign(lines.link(line).href);
}

function away(event) {
  const line = lines.current();
  if ($("dialog[open]") || pane.shown()?.close()) return;
  if (line && pane.pane?.contains(event.target)) lines.link(line).focus();
  else if (lines.picked().length) many((to) => to.clear())();
}

const keysButton = $("[data-keys]", queue);
keysButton.hidden = false;
keysButton.addEventListener("click", KEYS["?"]);
root.classList.add("with-scripts");
if (pane.pane) pane.pane.hidden = !pane.usable();
if ($("[data-bulk-bar]", queue)) { $("[data-bulk-bar]", queue).hidden = true; if (lines.picked().length) many((to) => to.count())(); }
$("[data-bulk]", queue)?.addEventListener("submit", (event) => { event.preventDefault(); many((to) => to.decide(event.submitter.value))(); });
for (const every of [queue]) every.addEventListener("click", (event) => { if (event.target.closest("[data-select-batch]")) many((to) => to.selectBatch(event.target.closest(".batch")))(); });
if (pane.usable()) go(lines.of(decodeURIComponent(location.hash.slice(1))) ?? lines.all().find(lines.isOpen) ?? lines.all()[0], false);
