// What is loaded when it is first needed: many gates at once (selecting within one batch, a yes or a reason for all, what was
// refused), taking back, further and new lines, and the list of keys.

import { $, $$, el, getJson, getPart, post, tellRefusal, toast } from "../core.js";
import { count as counted, go, goOn, offerUndo, reopened } from "./inbox.js";
import * as lines from "./lines.js";
import * as pane from "./pane.js";

const { root, queue } = lines;
const DONE = { approve: "Approved by you", reject: "Rejected by you" };
const dialogs = () => import("./dialogs.js");
const report = ({ text, refused }) => dialogs().then((to) => to.report(text, refused)).catch(tellRefusal);
const bar = $("[data-bulk-bar]", queue);
let anchor = null;

export const showKeys = () => $('dialog[data-dialog="keys"]').showModal();

export function count() {
  const chosen = lines.picked().length;
  if (!bar) return;
  bar.hidden = !chosen;
  if (chosen) dialogs().catch(() => {}); // there before they are asked for
  $("[data-clear]", bar).hidden = false;
  $("[data-count]", bar).textContent = `${chosen} selected`;
}

export function clear() {
  for (const line of lines.picked()) lines.box(line).checked = false;
  count();
}

function pick(line, on) {
  const other = lines.picked().find((one) => one !== line && one.dataset.batchKey !== line.dataset.batchKey);
  lines.box(line).checked = on && !other;
  if (on && other) toast("Only gates of one batch can be decided together.", { tone: "info" });
  anchor = line;
  count();
}

/** Somebody clicked a box. */
export function changed(input) { pick(input.closest("li.line"), input.checked); }

/** Select a line or leave it out, or with `range` select every line of its batch from the one before up to here. */
export function toggle(line, range) {
  if (!lines.current()) go(line);
  if (!lines.box(line) || !lines.isOpen(line)) return;
  if (!range || !anchor?.isConnected) { pick(line, !lines.box(line).checked); return; }
  const all = lines.all(), [from, to] = [all.indexOf(anchor), all.indexOf(line)].sort((a, b) => a - b);
  for (const one of all.slice(from, to + 1)) if (selectable(one, anchor.dataset.batchKey)) lines.box(one).checked = true;
  anchor = line;
  count();
}

const selectable = (line, key) => line.dataset.batchKey === key && lines.isOpen(line) && lines.box(line);

export function selectBatch(batch) {
  clear();
  for (const line of lines.all()) if (selectable(line, batch.dataset.batch)) lines.box(line).checked = true;
  count();
}

/** Decide what is selected: each gate by what its own line showed. */
export async function decide(action) {
  const chosen = lines.picked();
  if (!chosen.length || !DONE[action]) return;
  const many = `${chosen.length} gate${chosen.length > 1 ? "s" : ""}`, approving = action === "approve";
  const failed = chosen.filter((line) => $(".line-tags .mark-bad", line)).length, runs = $("[data-runs]", chosen[0].closest(".batch"))?.textContent;
  const said = await (await dialogs()).ask({
    title: `${approving ? "Approve" : "Reject"} ${many}?`,
    text: (approving && runs ? `${runs}, for each. ` : "") + (failed ? `Rules failed for ${failed} of them. ` : "") + "Each is checked by itself against what its line shows. What has changed or is decided meanwhile is left alone and named.",
    reasons: approving ? [] : JSON.parse(chosen[0].dataset.reasons), words: !approving, yes: `${approving ? "Approve" : "Reject"} ${many}`,
  });
  if (!said) return;
  const once = [...crypto.getRandomValues(new Uint8Array(16))].map((n) => n.toString(16).padStart(2, "0")).join("");
  const fields = { action, once, query: root.dataset.query, pick: chosen.map((line) => line.dataset.gate), ...said };
  for (const line of chosen) { fields[`seen.${line.dataset.gate}`] = `${line.dataset.revision}:${line.dataset.digest}`; lines.set(line, "sending"); }
  try { settle(await post("/inbox/decide", fields), action); } catch (error) {
    for (const line of chosen) lines.set(line, "");
    tellRefusal(error);
  }
  count();
}

function settle(answer, action) {
  for (const id of answer.done) { lines.set(lines.of(id), "end", DONE[action]); pane.forget(id); }
  for (const one of answer.refused) { const line = lines.of(one.id); lines.set(line, "", one.message); lines.box(line).checked = false; }
  counted(answer.done.length);
  offerUndo(answer.text, answer, answer.done);
  if (answer.refused.length) { report(answer); refresh(answer.refused.map((one) => one.id)); }
  const now = lines.current();
  if (now && !lines.isOpen(now)) goOn(now);
}

/** Take back what `{ids, address}` decided. */
export async function undo({ ids, address }) {
  try {
    const answer = await post(address, address === "/inbox/undo" ? { pick: ids } : {}), back = answer.done ?? ids;
    toast(answer.text, { tone: answer.tone });
    if (answer.refused?.length) report(answer);
    back.forEach(reopened);
    if (back.length) go(lines.of(back[0]));
  } catch (error) { tellRefusal(error); }
}

/** Load a line and its gate anew, in place. */
export async function renew(line) {
  const fresh = $("li.line", await getPart(`/inbox?all=1&part=lines&ids=${line.dataset.gate}`));
  pane.forget(line.dataset.gate);
  pane.drop();
  const focus = document.activeElement === lines.link(line);
  if (fresh) line.replaceWith(fresh);
  go(fresh ?? line, focus);
}

/** Nothing is left: say so where the next gate would be. */
export function rest(sum) {
  pane.put(el("div", { class: "empty", role: "status" }, el("h2", {}, "Everything here is decided"), el("p", { "data-sum": true }, sum), el("a", { class: "btn", href: location.pathname + location.search }, "Load the list anew")));
}

/** Put lines in place of `place`, or with `joining` behind those of their batch; one that is in the list stays where it is. */
function add(part, place, joining = false) {
  for (const line of $$("li.line", part)) if (lines.of(line.dataset.gate)) line.remove();
  for (const batch of $$(".batch", part)) {
    const known = joining && $$(".batch", queue).find((one) => one.dataset.batch === batch.dataset.batch);
    if (known) {
      $(".lines", known).append(...$$("li.line", batch));
      const here = $$("li.line", known).length;
      $("[data-here]", known).textContent = here < known.dataset.open ? `, ${here} here` : "";
    }
    if (!$("li.line", batch)) batch.remove();
  }
  place.replaceWith(part);
}

/** Load the next page's lines in place of the way to it. */
export async function more(place) {
  const address = new URL(place.dataset.more, location);
  address.searchParams.set("part", "lines");
  add(await getPart(address), place, true);
}

// What others do: a line tells it where it stands; new gates are announced, and come when they are asked for

const MOST = 100;
const asked = new Set(), stale = new Set(), holder = $("[data-lines]", queue), news = $("[data-news]", queue);
let looking = 0, refreshing = 0, fresh = [], unsure = false;

function some(ids) {
  const taken = [...ids].slice(0, MOST);
  for (const id of taken) ids.delete(id);
  return taken.join(",");
}

/** Ask how gates stand now, and show it in their lines. */
export function refresh(ids) {
  for (const id of ids) stale.add(id);
  refreshing ||= setTimeout(async () => {
    refreshing = 0;
    const found = await getJson(`/inbox/states?ids=${some(stale)}`).catch(() => ({ gates: [] }));
    if (stale.size) refresh([]);
    for (const now of found.gates) {
      const line = lines.of(now.id);
      if (line && !line.dataset.sending) stands(line, now);
    }
    count();
  }, 120);
}

function stands(line, now) {
  const said = line.dataset.end ?? "";
  if (!now.words ? said : !said.startsWith(now.words)) lines.set(line, now.words && "end", now.words);
  mark(line, "claim", now.mine ? "Claimed by you" : now.claimed && `Claimed by ${now.claimed}`);
  mark(line, "looking", now.looking.length && `${now.looking.join(", ")} ${now.looking.length === 1 ? "is" : "are"} looking`);
  line.toggleAttribute("data-changed", now.state === "open" && String(now.revision) !== line.dataset.revision);
}

function mark(line, name, words) {
  const node = $(`[data-${name}]`, line);
  node.textContent = node.title = words || "";
  node.hidden = !words;
}

/** A gate that is not in the list may belong into it. */
export function arrived(id) {
  asked.add(id);
  looking ||= setTimeout(async () => {
    looking = 0;
    const found = await getJson(`/inbox/fresh?${root.dataset.query}&ids=${some(asked)}`).catch(() => ({ ids: [] }));
    announce(found.ids);
  }, 400);
}

/** Nothing was heard for a while: see what the list holds now; of one of many pages only that more may have come. */
export async function missed() {
  const part = await getPart(`/inbox?${root.dataset.query}&part=lines`);
  unsure = $("[data-more]", part) !== null;
  announce($$("li.line", part).map((line) => line.dataset.gate));
}

function announce(ids) {
  fresh.push(...ids.filter((id) => !fresh.includes(id) && !lines.of(id)));
  news.hidden = !fresh.length && !unsure;
  $("button", news).textContent = unsure ? "Things have changed: load again" : `${fresh.length} new: show`;
}

$("button", news).addEventListener("click", async () => {
  const ids = fresh;
  if (!holder || unsure || ids.length > MOST) { location.reload(); return; }
  fresh = [];
  announce([]);
  try {
    const part = await getPart(`/inbox?${root.dataset.query}&part=lines&ids=${ids.join(",")}`), mark = el("div");
    holder.prepend(mark);
    add(part, mark);
    go(lines.all()[0]);
  } catch (error) { tellRefusal(error); }
});

$("[data-clear]", queue)?.addEventListener("click", clear);
