// The inbox with scripts: keys, the pane, deciding one or many, undoing, and what others do meanwhile.

import { $, $$, Refused, getJson, getPart, live, post, tellRefusal, toast, typing } from "../core.js";
import { ask, report, showKeys } from "./asking.js";
import * as lines from "./lines.js";
import * as pane from "./pane.js";

const { root, queue } = lines;
const holder = $("[data-lines]", queue), bulk = $("form[data-bulk]", queue), bar = $("[data-bulk-bar]", queue), news = $("[data-news]", queue);
const UNDO_S = 5, NEAR_END = 15, MOST = 100;
const DONE = { approve: "Approved", reject: "Rejected", request_changes: "Changes requested", edit: "Edited" };
let decided = 0;

// Going through the list --------------------------------------------------------

function go(line, options) {
  if (!line) return;
  lines.makeCurrent(line, options);
  if (pane.usable()) {
    history.replaceState(null, "", `#${line.dataset.gate}`);
    pane.open(line);
  }
  if (lines.all().length - lines.all().indexOf(line) < NEAR_END) loadMore();
}

function step(back) {
  const line = lines.current();
  go(line ? lines.following(line, { back, around: false, open: () => true }) : lines.all()[0]);
}

async function goOn(from) {
  const next = lines.following(from, { around: false }) ?? ((await loadMore()), lines.following(from));
  if (next) return go(next);
  if (pane.usable()) pane.rest(`You decided ${decided} since you opened this page.`);
}

let loading = null;
function loadMore() {
  const more = $("[data-more]", holder);
  if (!more) return Promise.resolve();
  return loading ??= (async () => {
    try {
      const address = new URL(more.dataset.more, location.href);
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

// Deciding ------------------------------------------------------------------------

const undoable = [];
let closeOffer = () => {};

function offerUndo(text, answer, ids, tone = "ok") {
  if (!answer.undo) return toast(text, { tone });
  const entry = { ids, address: answer.undo, until: performance.now() + answer.undo_s * 1000 };
  undoable.push(entry);
  closeOffer();
  closeOffer = toast(text, { tone, undo: () => undo(entry), seconds: answer.undo_s, key: "z" });
}

async function undo(entry) {
  if (!entry || performance.now() > entry.until) return toast("There is nothing to undo any more.", { tone: "info" });
  entry.until = 0;
  try {
    const answer = await post(entry.address, entry.ids.length > 1 || entry.address === "/inbox/undo" ? { pick: entry.ids } : {});
    toast(answer.text, { tone: answer.tone });
    if (answer.refused?.length) report(answer.text, answer.refused);
    for (const id of answer.done ?? entry.ids) reopened(id);
    decided = Math.max(0, decided - (answer.done ?? entry.ids).length);
    const first = lines.of(entry.ids[0]);
    if (first) go(first);
  } catch (error) { tellRefusal(error); }
}

function reopened(id) {
  const line = lines.of(id);
  if (line) lines.reopen(line);
  pane.forget(id);
  refresh([id]);
}

function undoLast() {
  while (undoable.length && performance.now() > undoable.at(-1).until) undoable.pop();
  Promise.resolve(last).then(() => undo(undoable.pop()));
}

let last = null;

/** Send one decision on what the pane shows. The next gate opens at once; a refusal brings this one back. */
function send(line, action, asked) {
  lines.sending(line);
  goOn(line);
  last = asked.then((answer) => settled(line, action, answer), (error) => failed(line, error));
  return last;
}

function settled(line, action, answer) {
  decided += 1;
  pane.forget(line.dataset.gate);
  if (answer.outcome === null || answer.outcome === undefined) lines.reopen(line);
  lines.end(line, answer.outcome ? `${DONE[action] ?? "Decided"} by you` : "Your vote counts");
  offerUndo(answer.outcome ? `${DONE[action] ?? "Decided"}: ${lines.title(line)}` : answer.text, answer, [line.dataset.gate]);
}

function failed(line, error) {
  lines.reopen(line, error.message);
  pane.forget(line.dataset.gate);
  refresh([line.dataset.gate]);
  tellRefusal(error);
}

function shown() {
  const line = lines.current(), panel = pane.panel();
  if (!pane.usable()) { toast("Open the gate to decide on it.", { tone: "info" }); return null; }
  if (!line || panel?.dataset.gate !== line.dataset.gate || pane.pane.hasAttribute("aria-busy")) return null;
  if (!lines.isOpen(line)) { toast(line.dataset.end ? `${line.dataset.end}.` : "It is being decided.", { tone: "info" }); return null; }
  if (!line.hasAttribute("data-may")) { toast($(".mark-not", line)?.textContent ?? "Others decide on this.", { tone: "warn" }); return null; }
  return { line, panel };
}

const bound = (panel) => ({ revision: panel.dataset.revision, action_digest: panel.dataset.digest, undo_seconds: UNDO_S });
const decideAt = (line) => `/gates/${encodeURIComponent(line.dataset.gate)}/decide`;

function approve() {
  const now = shown();
  if (!now) return;
  const button = $("button[name=action][value=approve]:not(:disabled)", now.panel);
  if (button) button.form.requestSubmit(button);
  else send(now.line, "approve", post(decideAt(now.line), { ...bound(now.panel), action: "approve" }));
}

async function reject() {
  const now = shown();
  if (!now) return;
  const reasons = JSON.parse(now.line.dataset.reasons);
  const said = await ask({ title: `Reject “${lines.title(now.line)}”?`, reasons, words: reasons.length ? "may" : "must", yes: "Reject" });
  if (said) send(now.line, "reject", post(decideAt(now.line), { ...bound(now.panel), action: "reject", ...said }));
}

async function requestChanges() {
  const now = shown();
  if (!now) return;
  const said = await ask({ title: `Request changes to “${lines.title(now.line)}”`, text: "Your words go to whoever suggested it; the gate comes back with another suggestion.", words: "must", yes: "Request changes" });
  if (said) send(now.line, "request_changes", post(decideAt(now.line), { ...bound(now.panel), action: "request_changes", comment: said.comment }));
}

function edit() {
  const now = shown();
  if (!now) return;
  for (const closed of $$("details:not([open])", now.panel)) if ($("[data-edit-field], [name^='field']", closed)) closed.open = true;
  const field = $("[data-edit-field], [name^='field']:not([type=hidden])", now.panel);
  if (field) { field.focus(); field.scrollIntoView({ block: "center" }); } else toast("Nothing here can be edited.", { tone: "info" });
}

// Forms of the panel are sent from here, so that the list stays; after every listener of the panel's own script.
window.addEventListener("submit", async (event) => {
  const form = event.target, line = lines.current();
  if (event.defaultPrevented || !pane.pane?.contains(form) || form.getAttribute("method") !== "post" || !line) return;
  event.preventDefault();
  const address = form.getAttribute("action"); // a button called "action" hides the property
  const asked = post(address, new FormData(form, event.submitter)).finally(() => { delete form.dataset.sent; event.submitter?.removeAttribute("aria-busy"); });
  const action = event.submitter?.name === "action" ? event.submitter.value : "";
  if (address.endsWith("/decide") && action !== "edit") return send(line, action || "approve", asked);
  try {
    const answer = await asked;
    if (action === "edit") { settled(line, action, answer); goOn(line); return; }
    if (answer.text) toast(answer.text, { tone: answer.tone });
    pane.renew(line);
  } catch (error) { tellRefusal(error); }
});
document.addEventListener("visto:decided", (event) => {
  const line = lines.current();
  if (!line || !pane.pane?.contains(event.target)) return;
  settled(line, event.detail.action ?? "", event.detail);
  goOn(line);
});

// Many at once ----------------------------------------------------------------------

let anchor = null;

function pick(line, on) {
  const others = lines.picked();
  if (on && others.length && others[0].dataset.batchKey !== line.dataset.batchKey) {
    lines.box(line).checked = false;
    toast("Only gates of one batch can be decided together.", { tone: "info" });
    return false;
  }
  lines.box(line).checked = on;
  return true;
}

function toggle(range) {
  const line = lines.current() ?? lines.all()[0];
  if (!line || !lines.box(line) || !lines.isOpen(line)) return;
  if (range && anchor?.isConnected) {
    const all = lines.all(), [from, to] = [all.indexOf(anchor), all.indexOf(line)].sort((a, b) => a - b);
    for (const one of all.slice(from, to + 1)) if (lines.box(one) && lines.isOpen(one) && one.dataset.batchKey === anchor.dataset.batchKey) lines.box(one).checked = true;
  } else pick(line, !lines.box(line).checked);
  if (!lines.current()) go(line);
  anchor = line;
  counted();
}

function counted() {
  const count = lines.picked().length;
  if (!bar) return;
  bar.hidden = !count;
  $("[data-count]", bar).textContent = `${count} selected`;
}

async function decideMany(action) {
  const chosen = lines.picked();
  if (!chosen.length) return;
  const reasons = JSON.parse(chosen[0].dataset.reasons), many = `${chosen.length} gate${chosen.length > 1 ? "s" : ""}`;
  const text = "Each is checked by itself against what its line shows. One that changed or was decided meanwhile is left alone and named.";
  const said = await ask(action === "approve" ? { title: `Approve ${many}?`, text, yes: `Approve ${many}` } : { title: `Reject ${many}?`, text, reasons, words: reasons.length ? "may" : "must", yes: `Reject ${many}` });
  if (!said) return;
  const fields = { action, query: root.dataset.query, once: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`.replace(".", "-"), pick: chosen.map((line) => line.dataset.gate), ...said };
  for (const line of chosen) { fields[`seen.${line.dataset.gate}`] = `${line.dataset.revision}:${line.dataset.digest}`; lines.sending(line); }
  try {
    const answer = await post("/inbox/decide", fields);
    const done = answer.done.map(lines.of);
    for (const line of done) { lines.end(line, `${DONE[action]} by you`); pane.forget(line.dataset.gate); }
    for (const one of answer.refused) { const line = lines.of(one.id); lines.reopen(line, one.message); lines.box(line).checked = false; }
    decided += done.length;
    offerUndo(answer.text, answer, answer.done, answer.tone);
    if (answer.refused.length) { report(answer.text, answer.refused); refresh(answer.refused.map((one) => one.id)); }
    const now = lines.current();
    if (now && !lines.isOpen(now)) goOn(now);
  } catch (error) { for (const line of chosen) lines.reopen(line); tellRefusal(error); }
  counted();
}

bulk?.addEventListener("submit", (event) => { event.preventDefault(); decideMany(event.submitter.value); });
bulk?.addEventListener("change", (event) => {
  if (event.target.name !== "pick") return;
  const line = event.target.closest("li.line");
  if (event.target.checked) { event.target.checked = false; pick(line, true); }
  anchor = line;
  counted();
});
$("[data-clear]", queue)?.addEventListener("click", clear);

function clear() {
  for (const line of lines.picked()) lines.box(line).checked = false;
  counted();
}

queue.addEventListener("click", (event) => {
  const every = event.target.closest("[data-select-batch]");
  if (every) {
    const batch = every.closest(".batch"), here = $$("li.line", queue).filter((line) => line.dataset.batchKey === batch.dataset.batch);
    if (here.length < Number(batch.dataset.open)) return;
    event.preventDefault();
    clear();
    for (const line of here) if (lines.box(line) && lines.isOpen(line)) lines.box(line).checked = true;
    counted();
    return;
  }
  const line = event.target.closest("li.line");
  if (!line || !pane.usable() || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest(".line-pick")) return;
  event.preventDefault();
  go(line);
});

// What others do ------------------------------------------------------------------------

const changed = new Set(), arrived = new Set();
let refreshing = 0, looking = 0, fresh = [];

function refresh(ids) {
  for (const id of ids) changed.add(id);
  refreshing ||= setTimeout(async () => {
    refreshing = 0;
    const asked = [...changed].slice(0, MOST);
    for (const id of asked) changed.delete(id);
    if (changed.size) refresh([]);
    const found = await getJson(`/inbox/states?ids=${asked.join(",")}`).catch(() => ({ gates: [] }));
    for (const now of found.gates) {
      const line = lines.of(now.id);
      if (!line || line.dataset.sending) continue;
      lines.show(line, now);
      if (line === lines.current() && pane.usable()) pane.tell(line);
    }
    counted();
  }, 120);
}

function look() {
  looking ||= setTimeout(async () => {
    looking = 0;
    const asked = [...arrived].slice(0, MOST);
    for (const id of asked) arrived.delete(id);
    const found = await getJson(`/inbox/fresh?${root.dataset.query}&ids=${asked.join(",")}`).catch(() => ({ ids: [] }));
    fresh.push(...found.ids.filter((id) => !fresh.includes(id) && !lines.of(id)));
    announce();
  }, 500);
}

function announce() {
  news.hidden = !fresh.length;
  $("button", news).textContent = `${fresh.length} new: show`;
}

$("button", news).addEventListener("click", async () => {
  const ids = fresh.splice(0);
  announce();
  if (!holder || ids.length > MOST) return location.assign(location.pathname + location.search);
  try {
    const part = await getPart(`/inbox?${root.dataset.query}&part=lines&ids=${ids.join(",")}`);
    const mark = document.createElement("div");
    holder.prepend(mark);
    add(part, mark);
    queue.scrollTop = 0;
    go(lines.all()[0]);
  } catch (error) { tellRefusal(error); }
});

live((event) => {
  if (event.topic === "reload") return refresh(lines.all().map((line) => line.dataset.gate));
  if (event.topic !== "gate") return;
  pane.forget(event.id);
  if (lines.of(event.id)) refresh([event.id]);
  else if (["approval.requested", "approval.assigned", "decision.undone"].includes(event.kind)) { arrived.add(event.id); look(); }
});

// Keys --------------------------------------------------------------------------------------

const KEYS = {
  j: () => step(false), k: () => step(true), a: () => (lines.picked().length ? decideMany("approve") : approve()),
  r: () => (lines.picked().length ? decideMany("reject") : reject()), e: edit, u: requestChanges,
  x: () => toggle(false), X: () => toggle(true), z: undoLast, "?": showKeys,
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("dialog[open]")) return away(event);
  if (typing(event)) return;
  if (event.key === "Enter" && !event.target.closest("a, button, summary, input, label")) { const line = lines.current(); if (line) $(".line-title", line).click(); return; }
  if (event.key === "Enter" && event.target.matches?.("li.line a.line-title") && pane.usable()) { event.preventDefault(); location.assign(event.target.href); return; }
  const act = KEYS[event.key];
  if (!act || (event.repeat && event.key !== "j" && event.key !== "k")) return;
  event.preventDefault();
  act();
});

function away(event) {
  const line = lines.current();
  if (pane.pane?.contains(event.target) && line) { $(".line-title", line).focus(); return; }
  if (!event.target.closest("input, select, textarea")) clear();
}

// Begin ------------------------------------------------------------------------------------------

root.classList.add("with-scripts");
const keysButton = $("[data-keys]", queue);
keysButton.hidden = false;
keysButton.addEventListener("click", showKeys);
if (bar) $("[data-clear]", bar).hidden = false;
counted();
if (pane.pane) pane.pane.hidden = !pane.usable();
if (pane.usable()) go(lines.of(decodeURIComponent(location.hash.slice(1))) ?? lines.all().find(lines.isOpen) ?? lines.all()[0], { focus: false });
