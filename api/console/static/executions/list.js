// The list of executions: states change in place, what is new is announced, and the keyboard moves through it.
import { $, $$, getPart, typing, live } from "../core.js";

const body = $("#rows");
const EVENTS_MS = 350;
const LOOK_AGAIN_MS = 10_000;

// What changes ------------------------------------------------------------------

const due = new Set();
let timer = 0;

function look(ids) {
  for (const id of ids) due.add(id);
  timer ||= setTimeout(refresh, EVENTS_MS);
}

async function refresh() {
  timer = 0;
  const ids = [...due].filter((id) => row(id));
  due.clear();
  if (!ids.length) return;
  const part = await getPart(`/executions/rows?${new URLSearchParams(ids.map((id) => ["id", id]))}`).catch(() => null);
  for (const fresh of part ? $$("tr[data-id]", part) : []) replace(fresh);
}

function replace(fresh) {
  const old = row(fresh.dataset.id);
  if (!old) return;
  const picked = $("input[name=execution]", old)?.checked ?? false;
  const focused = old.contains(document.activeElement) ? document.activeElement.className : null;
  const box = $("input[name=execution]", fresh);
  if (box) box.checked = picked;
  fresh.classList.toggle("here", old.classList.contains("here"));
  if (fresh.dataset.state !== old.dataset.state) fresh.classList.add("changed");
  old.replaceWith(fresh);
  if (focused !== null) (focused === "x-open" ? $(".x-open", fresh) : box)?.focus();
}

const row = (id) => body?.querySelector(`tr[data-id="${CSS.escape(id)}"]`);

const unseen = new Set(), first = $("[data-first=yes]");
function announce(id) {
  unseen.add(id);
  offer(unseen.size === 1 ? "1 new execution: show" : `${unseen.size} new executions: show`);
}

function offer(words) {
  const link = document.createElement("a");
  link.href = location.href;
  link.textContent = words;
  $("#new").replaceChildren(link);
}

live((event) => {
  if (event.topic === "reload") {
    offer("Things have changed: load again");
    return look($$("tr[data-live]", body ?? document).map((one) => one.dataset.id));
  }
  const id = event.topic === "execution" ? event.id : event.execution;
  if (!id) return;
  if (row(id)) look([id]);
  else if (event.kind === "execution.created" && first) announce(id); // elsewhere it may not be what is looked for
});

// Becoming "running" is no record of the journal, so what has not ended is looked at now and then.
setInterval(() => { if (!document.hidden && body) look($$("tr[data-live]", body).map((one) => one.dataset.id)); }, LOOK_AGAIN_MS);

// Choosing ----------------------------------------------------------------------

const all = $("#all");
const boxes = () => $$("input[name=execution]", body ?? document);

function count() {
  const chosen = boxes().filter((box) => box.checked).length;
  $("#chosen").textContent = chosen ? `${chosen} chosen` : "Tick executions to act on several at once.";
  for (const button of $$("#act button")) button.disabled = !chosen;
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && !all.checked;
}

if (all && body) {
  all.hidden = false;
  all.addEventListener("change", () => { for (const box of boxes()) box.checked = all.checked; count(); });
  body.addEventListener("change", count);
  count();
}

// Keys ---------------------------------------------------------------------------

function step(by) {
  const rows = $$("tr", body);
  const at = rows.findIndex((one) => one.classList.contains("here"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  if (!next) return;
  rows[at]?.classList.remove("here");
  next.classList.add("here");
  $(".x-open", next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (typing(event)) return;
  if (event.key === "/") { event.preventDefault(); $("#q").focus(); }
  if (!body) return;
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
  if (event.key === "x") {
    const box = $("tr.here input[name=execution]", body);
    if (box) { box.checked = !box.checked; count(); }
  }
});
