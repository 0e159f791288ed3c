// The editor of a flow: colours and marks behind a real textarea, checked while somebody types, kept until it is saved.

import { $, $$, csrf, post, Refused, tellRefusal, toast } from "../core.js";
import { Drafts } from "./drafts.js";
import { handle, replaceAll } from "./keys.js";
import { Layer, offsetOf } from "./layer.js";

const CHECK_MS = 300;
const KEEP_MS = 500;
const LIMIT = 256 * 1024;

const form = $("#editor");
const area = $("#source");
const readonly = form.hasAttribute("data-readonly");
const layer = new Layer($(".ed-layer"));
const drafts = new Drafts(form.dataset.storage);
const base = form.elements.base;
const sizeBox = $("[data-size]");
const said = $("#ed-said");
let saved = area.defaultValue;
let pending = null;   // a draft from before, to be decided about
let completion = null;
let leaving = false;  // after Escape, Tab goes on to the next control

/** Say something in words, aloud too; `bad` for what keeps the text from being saved. */
function tell(words, bad = false) {
  said.classList.toggle("bad", bad);
  if (said.textContent !== words) said.textContent = words;
}

document.documentElement.classList.add("js");
layer.show(area.value);

// Checking ------------------------------------------------------------------------

let marks = [];
let checking = null;
let checked = null;
let timer = 0;

async function check() {
  clearTimeout(timer);
  const text = area.value;
  if (text === checked) return;
  checking?.abort();
  const mine = (checking = new AbortController());
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.dataset.check, {
      method: "POST", signal: mine.signal, body: new URLSearchParams({ source: text }),
      headers: { Accept: "application/json", "X-CSRF-Token": csrf },
    });
    const verdict = await answer.json().catch(() => ({ status: answer.status }));
    if (!answer.ok) throw new Refused(verdict);
    if (mine.signal.aborted) return;
    checked = text;
    show(verdict);
  } catch (error) {
    if (error.name !== "AbortError") tell(error instanceof Refused ? `Not checked: ${error.message}` : "Not checked: the server cannot be reached.", true);
  } finally {
    if (checking === mine) form.removeAttribute("aria-busy");
  }
}

function show(verdict) {
  const made = new DOMParser().parseFromString(verdict.html, "text/html");
  for (const name of ["data-problems", "data-graph"]) {
    const fresh = $(`[${name}]`, made);
    // while the text is wrong the last graph stays: it is what the flow was a moment ago
    if (name === "data-graph" && !verdict.ok && $(".graph", form)) { $(`[${name}]`, form).classList.add("stale"); continue; }
    const box = $(`[${name}]`, form);
    box.classList.remove("stale");
    box.replaceChildren(...document.adoptNode(fresh).childNodes);
  }
  marks = verdict.marks;
  layer.mark(marks);
  tell(verdict.said, !verdict.ok);
  if (verdict.ok) area.removeAttribute("aria-invalid"); else area.setAttribute("aria-invalid", "true");
}

marks = $$("[data-problems] a", form).map((link) => ({
  line: Number(link.dataset.line), column: Number(link.dataset.column), severity: link.closest(".problem").className.split("is-").at(-1),
}));
layer.mark(marks);
if (said.textContent) checked = area.value; else check();

function jump(line, column) {
  const lines = area.value.split("\n");
  const at = Math.min(line, lines.length) - 1;
  const offset = Math.min(offsetOf(lines[at], column), lines[at].length);
  const start = lines.slice(0, at).reduce((sum, one) => sum + one.length + 1, 0) + offset;
  const word = lines[at].slice(offset).match(/^[^\s:,{}[\]]+/u)?.[0].length ?? 0;
  area.focus({ preventScroll: true });
  area.setSelectionRange(start, start + word);
  layer.node(at).scrollIntoView({ block: "center" });
}

function nextProblem(back) {
  if (!marks.length) { tell("No problems."); return; }
  const before = area.value.slice(0, area.selectionStart).split("\n");
  const here = [before.length, [...before.at(-1)].length + 1];
  const order = [...marks].sort((a, b) => a.line - b.line || a.column - b.column);
  const after = (one) => (one.line - here[0] || one.column - here[1]);
  const next = back ? order.findLast((one) => after(one) < 0) ?? order.at(-1) : order.find((one) => after(one) > 0) ?? order[0];
  jump(next.line, next.column);
  const link = $(`[data-problems] a[data-line="${next.line}"][data-column="${next.column}"]`, form);
  tell(`Line ${next.line}: ${$("p", link.closest("li")).textContent}`);
}

/** Go to the task that a path of the graph names: its ids follow each other in the text. */
function jumpToTask(path) {
  const lines = area.value.split("\n");
  let at = -1;
  let column = 1;
  for (const id of path.split("/")) {
    const key = new RegExp(`(?:^|[\\s{-])id:\\s*["']?${id.replace(/[^\w-]/g, "")}(?![\\w-])`);
    const next = lines.findIndex((line, n) => n > at && key.test(line));
    if (next < 0) break; // a gate's suggestion has no id of its own
    at = next;
    column = lines[at].indexOf("id:") + 1;
  }
  if (at >= 0) jump(at + 1, column);
}

form.addEventListener("click", (event) => {
  const place = event.target.closest("[data-problems] a");
  const task = event.target.closest("[data-graph] [data-path]");
  if (place) { event.preventDefault(); jump(Number(place.dataset.line), Number(place.dataset.column)); }
  if (task) { event.preventDefault(); jumpToTask(task.dataset.path); }
});

// Typing --------------------------------------------------------------------------

let keeping = 0;
function changed() {
  const { head, more } = layer.show(area.value);
  if (more) { // marks stay with their lines until the next answer
    marks = marks.map((one) => (one.line > head + 1 ? { ...one, line: Math.max(head + 1, one.line + more) } : one));
    layer.mark(marks);
  }
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_MS);
  clearTimeout(keeping);
  keeping = setTimeout(keep, KEEP_MS);
  tellSize();
  completion?.refresh();
}

function tellSize() {
  const bytes = new TextEncoder().encode(area.value).length;
  sizeBox.textContent = `${(bytes / 1024).toFixed(1)} KB of 256.0 KB${bytes > LIMIT ? ": too large to save" : ""}`;
  sizeBox.classList.toggle("error", bytes > LIMIT);
}

area.addEventListener("input", changed);

async function complete() {
  if (!completion) {
    const { Completion } = await import("./complete.js");
    completion = new Completion(area, layer, $(".ed"), tell);
  }
  completion.show();
}

area.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  if (completion?.handle(event)) { event.preventDefault(); return; }
  if (event.key === "F8") { event.preventDefault(); nextProblem(event.shiftKey); return; }
  if (event.key === "Escape") { leaving = true; tell("Tab leaves the text now."); return; }
  if (event.key === "Tab" && leaving) return;
  if (!["Shift", "Control", "Alt", "Meta"].includes(event.key)) leaving = false;
  if (readonly || event.altKey || event.metaKey) return;
  if (event.ctrlKey) { if (event.code === "Space") { event.preventDefault(); complete(); } return; }
  if (handle(area, event)) event.preventDefault();
});
area.addEventListener("blur", () => { leaving = false; });

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s") {
    event.preventDefault();
    if (!readonly) form.requestSubmit($("[data-save]", form));
  }
});

// Keeping and saving ----------------------------------------------------------------

function keep() {
  if (readonly || area.value === saved) return;
  if (pending) drafts.setAside();
  drafts.keep(area.value, Number(base.value));
}
addEventListener("pagehide", () => { if (area.value !== saved && !sending) keep(); });

function offer() {
  const kept = drafts.kept();
  if (readonly || !kept || kept.text === area.value) { if (kept && !readonly) drafts.clear(); return; }
  pending = kept;
  const box = $("[data-restore]", form);
  const when = new Date(kept.at).toLocaleString();
  const older = kept.base !== Number(base.value) ? ` It was made from revision ${kept.base}; now there is revision ${base.value}, and saving will show both.` : "";
  $("span", box).textContent = `There is text of yours from ${when} that was not saved.${older}`;
  box.hidden = false;
  $("[data-take]", box).addEventListener("click", () => { replaceAll(area, kept.text); base.value = kept.base; close("Restored."); });
  $("[data-drop]", box).addEventListener("click", () => close("Discarded."));
  const close = (words) => { pending = null; drafts.drop(); if (area.value === saved) drafts.clear(); box.hidden = true; area.focus(); tell(words); };
}
if (form.hasAttribute("data-kept")) { saved = ""; keep(); } else offer();

let sending = false;
form.addEventListener("submit", async (event) => {
  const button = event.submitter;
  event.preventDefault();
  if (button?.hasAttribute("data-check-button")) { checked = null; await check(); if (marks.length) nextProblem(false); return; }
  if (sending || readonly) return;
  sending = true;
  button?.setAttribute("aria-busy", "true");
  const text = area.value;
  try {
    const answer = await post(form.action, new FormData(form));
    saved = text;
    clearTimeout(keeping);
    if (area.value === text) drafts.clear();
    const shown = $("[data-revision]");
    if (!shown || $(".two-changes")) { later(answer.text); location.assign(answer.to); return; } // the page is another one now
    history.replaceState(null, "", answer.to);
    shown.textContent = base.value = answer.number;
    form.elements.message.value = "";
    for (const gone of $$("main > .banner.bad, main > .banner.ok")) gone.remove();
    tell(answer.text);
    toast(answer.text);
  } catch (error) {
    await refused(error);
  } finally {
    sending = false;
    button?.removeAttribute("aria-busy");
  }
});

async function refused(error) {
  if (error.code === "flow_changed") { keep(); form.submit(); return; } // the server shows both changes
  tellRefusal(error);
  if (error.code === "invalid_flow") { checked = null; await check(); nextProblem(false); }
}

const LATER = "visto.told";
function later(words) { try { sessionStorage.setItem(LATER, words); } catch { /* forbidden: the page itself shows it */ } }
try {
  const told = sessionStorage.getItem(LATER);
  sessionStorage.removeItem(LATER);
  if (told) toast(told);
} catch { /* forbidden */ }

for (const link of $$("[data-forget]")) link.addEventListener("click", () => { saved = area.value; drafts.clear(); });

const at = new URLSearchParams(location.search).get("at");
if (at) jumpToTask(at);
