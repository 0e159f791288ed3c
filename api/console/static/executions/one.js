// One execution: what changes is put in place, contents come when they are opened, cells lead to their elements.
import { $, $$, getPart, live, toast } from "../core.js";

const root = $("[data-execution]");
const id = root.dataset.execution;
const EVENTS_MS = 500;
const LOOK_AGAIN_MS = { fast: 5_000, slow: 30_000 };

// Live ---------------------------------------------------------------------------

let timer = 0;
let looking = false;

function soon() { timer ||= setTimeout(refresh, EVENTS_MS); }

async function refresh() {
  timer = 0;
  if (looking || document.hidden || location.search.includes("verify=")) return;
  looking = true;
  try {
    swap(await getPart(location.pathname + location.search));
  } catch { /* the next event tries again */ } finally { looking = false; }
}

/** Put fresh sections in the place of those with the same id, but for one that somebody works in. */
function swap(part) {
  const fresh = part.querySelector("[data-execution]");
  if (!fresh) return;
  const said = $(".state", $("#head"))?.textContent;
  replace($("#head"), fresh.querySelector("#head"));
  replaceActions(fresh);
  const now = $(".state", $("#head"))?.textContent;
  if (said !== now) $("#told").textContent = `The execution is ${now}.`;
  root.dataset.live = fresh.dataset.live;
  const body = $("#body");
  if (fresh.querySelectorAll("#body section[id]").length !== $$("section[id]", body).length) return replace(body, fresh.querySelector("#body"));
  for (const section of $$("section[id]", body)) replace(section, fresh.querySelector(`#${CSS.escape(section.id)}`));
}

function replaceActions(fresh) {
  const mine = $(".o-do", root);
  if (!$("details[open]", mine)) replace(mine, fresh.querySelector(".o-do"));
}

function replace(old, fresh) {
  if (!old || !fresh || old.isEqualNode(fresh)) return;
  if (old.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return;
  const scrolled = $$(".graph-box, .o-strip, .code, dd", old).map((box) => [box.scrollLeft, box.scrollTop]);
  const open = new Map($$("details[id]", old).map((fold) => [fold.id, fold]));
  const at = focusOf(old);
  for (const fold of $$("details[id]", fresh)) {
    const before = open.get(fold.id);
    if (!before) continue;
    fold.open = before.open;
    const content = $(".o-content", before);
    if (content?.dataset.loaded) $(".o-content", fold)?.replaceWith(content);
  }
  old.replaceWith(fresh);
  $$(".graph-box, .o-strip, .code, dd", fresh).forEach((box, n) => { if (scrolled[n]) [box.scrollLeft, box.scrollTop] = scrolled[n]; });
  if (at) $(at, fresh)?.focus({ preventScroll: true });
  strips();
}

function focusOf(box) {
  const node = document.activeElement;
  if (!box.contains(node)) return null;
  if (node.dataset.path) return `[data-path="${CSS.escape(node.dataset.path)}"]`;
  if (node.matches("summary")) return `#${CSS.escape(node.parentElement.id)} > summary`;
  const href = node.getAttribute("href");
  return href ? `a[href="${CSS.escape(href)}"]` : null;
}

live((event) => { if (event.topic === "reload" || event.id === id || event.execution === id) soon(); });
// Becoming "running" is no record of the journal, so what has not ended is looked at now and then.
let looked = Date.now();
setInterval(() => {
  if (Date.now() - looked < (LOOK_AGAIN_MS[root.dataset.live] ?? Infinity)) return;
  looked = Date.now();
  soon();
}, 1_000);

// Contents of records -------------------------------------------------------------

document.addEventListener("toggle", async (event) => {
  const fold = event.target;
  const content = fold.dataset?.event && fold.open && $(".o-content", fold);
  if (!content || content.dataset.loaded || !$("a", content)) return;
  content.dataset.loaded = "yes";
  try {
    content.replaceChildren(await getPart(`/executions/${id}/records/${fold.dataset.event}`));
  } catch (error) {
    delete content.dataset.loaded;
    toast(`${error.message} ${error.remedy ?? ""}`, { tone: "bad" });
  }
}, true);

// Cells of a strip ------------------------------------------------------------------

function strips() { for (const strip of $$(".strip")) strip.dataset.active = ""; }
strips();
document.addEventListener("click", (event) => {
  const cell = event.target.closest?.(".strip [data-key]");
  if (cell) location.assign(cell.closest("[data-link]").dataset.link + encodeURIComponent(cell.dataset.key));
});

if (location.hash === "#part") $("#part")?.focus({ preventScroll: true });
