// The inbox with scripts: keys, the gate beside the list, undoing, and what others do meanwhile.

import { $, $$, live, post, tellRefusal, toast, typing } from "../core.js";
import * as lines from "./lines.js";
import * as pane from "./pane.js";

const { root, queue } = lines;
const NEAR_END = 15;
const WORDS = { approved: "Approved", edited: "Approved with changes", rejected: "Rejected", changes_requested: "Changes requested" };
const tally = { done: 0 };

/** Do something of what is loaded only when it is needed. */
const rare = (act) => import("./rare.js").then(act).catch(tellRefusal);

// Going through the list

export function go(line, focus = true) {
  if (!line) return;
  lines.makeCurrent(line, focus);
  if (pane.usable()) {
    history.replaceState(null, "", `#${line.dataset.gate}`);
    pane.open(line).then((newer) => newer && renew(line));
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
  if (pane.usable()) rare((to) => to.rest(sum()));
}

let loading = null;
function loadMore() {
  const more = $("[data-more]", queue);
  return more && (loading ??= rare((to) => to.more(more)).finally(() => { loading = null; }));
}

// Deciding. The next gate opens at once; a refusal brings this one back

let last = null;
addEventListener("beforeunload", (event) => { if ($("[data-sending]", queue)) event.preventDefault(); });

pane.pane?.addEventListener("submit", (event) => {
  const form = event.target, line = lines.of(form.closest("article[data-gate]")?.dataset.gate ?? "");
  if (event.defaultPrevented || !line || !pane.SENT.includes(form.dataset.act)) return;
  event.preventDefault();
  if (lines.isOpen(line)) last = send(line, form, event.submitter);
});

async function send(line, form, submitter) {
  const asked = post(form.getAttribute("action"), new FormData(form, submitter), { keepalive: true }); // a field called "action" hides the property
  lines.set(line, "sending");
  form.reset();
  goOn(line);
  try { decided(line, await asked); } catch (error) {
    lines.set(line, "", error.message);
    pane.forget(line.dataset.gate);
    refresh([line.dataset.gate]);
    tellRefusal(error);
  }
}

const here = (name, then) => pane.pane?.addEventListener(name, (event) => {
  const line = lines.of(event.target.dataset.gate);
  if (line) { event.preventDefault(); then(line, event.detail); }
});
const renew = (line) => rare((to) => to.renew(line));
here("gate:decided", (line, answer) => { decided(line, answer); goOn(line); });
here("gate:undone", (line, answer) => { toast(answer.text); reopened(line.dataset.gate); renew(line); });
here("gate:changed", (line, answer) => { toast(answer.text); if (!pane.shown()?.typed()) renew(line); });
pane.pane?.addEventListener("click", (event) => { if (event.target.closest("[data-show-now]")) renew(lines.current()); });

const sum = () => `You decided ${tally.done} since you opened this page.`;

export function count(by) {
  tally.done = Math.max(0, tally.done + by);
  const told = pane.pane && $("[data-sum]", pane.pane);
  if (told) told.textContent = sum();
}

function decided(line, answer) {
  const words = WORDS[answer.outcome];
  count(1);
  pane.forget(line.dataset.gate);
  lines.set(line, "end", words ? `${words} by you` : "Your vote counts; others must agree");
  offerUndo(words ? `${words}: ${lines.link(line).textContent}` : answer.text, answer, [line.dataset.gate]);
}

/** Do something with the gate in the pane, if it is there and open. */
const one = (act) => () => {
  const gate = pane.shown(), line = lines.current();
  if (!pane.usable()) toast("Open the gate to decide on it.", { tone: "info" });
  else if (line && !lines.isOpen(line)) toast(line.dataset.end ? `${line.dataset.end}.` : "It is being decided.", { tone: "info" });
  else if (gate) act(gate);
};

function approve(gate) {
  if (gate.typed()) toast("Something is typed here and not sent: use its own button, or clear it.", { tone: "warn" });
  else gate.approve();
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

function undo(entry) {
  closeOffer();
  if (entry && performance.now() < entry.until) rare((to) => to.undo(entry)); else toast("There is nothing to undo any more.", { tone: "info" });
  if (entry) entry.until = 0;
}

async function undoLast() {
  await last;
  while (undoable.length && performance.now() > undoable.at(-1).until) undoable.pop();
  undo(undoable.pop());
}

export function reopened(id) {
  const line = lines.of(id);
  count(-1);
  if (line) lines.set(line, "");
  pane.forget(id);
  refresh([id]);
}

// What others do

const refresh = (ids) => rare((to) => to.refresh(ids));

// A claim that runs out, or somebody who looks no more, sends no word.
setInterval(() => {
  const told = lines.all().filter((line) => $(":is([data-claim], [data-looking]):not([hidden])", line));
  if (told.length && !document.hidden) refresh(told.map((line) => line.dataset.gate));
}, 30000);

live((event) => {
  if (event.topic === "reload") { refresh(lines.all().map((line) => line.dataset.gate)); rare((to) => to.missed()); }
  if (event.topic !== "gate") return;
  pane.forget(event.id);
  if (lines.of(event.id)) refresh([event.id]);
  else if (["approval.requested", "approval.assigned", "decision.undone"].includes(event.kind)) rare((to) => to.arrived(event.id));
});

queue.addEventListener("change", (event) => { if (event.target.name === "pick") rare((to) => to.changed(event.target)); });
queue.addEventListener("click", (event) => {
  const batch = event.target.closest("[data-select-batch]")?.closest(".batch");
  if (batch && $$("li.line", queue).filter((one) => one.dataset.batchKey === batch.dataset.batch).length >= Number(batch.dataset.open)) {
    event.preventDefault();
    rare((to) => to.selectBatch(batch));
  }
  const line = event.target.closest("li.line");
  if (!line || !pane.usable() || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest(".line-pick")) return;
  event.preventDefault();
  go(line);
});

const toggle = (range) => () => { const line = lines.current() ?? lines.all()[0]; if (line) rare((to) => to.toggle(line, range)); };
const orMany = (action, act) => () => (lines.picked().length ? rare((to) => to.decide(action)) : act());
const KEYS = {
  j: () => step(false), k: () => step(true), a: orMany("approve", one(approve)), r: orMany("reject", one((gate) => gate.reject())),
  e: one((gate) => gate.edit()), u: one((gate) => gate.changes()), x: toggle(false), X: toggle(true),
  z: undoLast, "?": () => rare((to) => to.showKeys()),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { away(event); return; }
  if (typing(event)) return;
  if (event.key === "Enter") { enter(event); return; }
  if (event.key === " ") { leaf(event); return; }
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

/** Space reads on in the gate beside the list. */
function leaf(event) {
  if (!pane.usable() || event.target.closest("a:not(.line-title), button, summary, input, label")) return;
  event.preventDefault();
  pane.pane.scrollBy({ top: (event.shiftKey ? -0.85 : 0.85) * pane.pane.clientHeight });
}

function away(event) {
  const line = lines.current();
  if ($("dialog[open]") || pane.shown()?.close()) return;
  if (line && pane.pane?.contains(event.target)) lines.link(line).focus();
  else if (lines.picked().length) rare((to) => to.clear());
}

const keysButton = $("[data-keys]", queue);
keysButton.hidden = false;
keysButton.addEventListener("click", KEYS["?"]);
root.classList.add("with-scripts");
pane.fit();
if ($("[data-bulk-bar]", queue)) { $("[data-bulk-bar]", queue).hidden = true; if (lines.picked().length) rare((to) => to.count()); }
$("[data-bulk]", queue)?.addEventListener("submit", (event) => { event.preventDefault(); rare((to) => to.decide(event.submitter.value)); });
const wanted = decodeURIComponent(location.hash.slice(1)), arrived = performance.getEntriesByType("navigation")[0]?.type === "navigate";
// A link to a gate that is not in this list, or on a phone, leads to the gate; after a reload the list begins anew.
if (wanted && arrived && !(pane.usable() && lines.of(wanted))) location.replace(`/gates/${encodeURIComponent(wanted)}?queue=${encodeURIComponent(root.dataset.query)}`);
else if (pane.usable()) go(lines.of(wanted) ?? lines.all().find(lines.isOpen) ?? lines.all()[0], false);
