// What every page shares: telling, asking the server, copying, local times, and the live feed.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const csrf = $('meta[name="csrf"]')?.content ?? "";
export const me = document.body.dataset.me ?? "";

/** Make an element: `el("button", {class: "btn"}, "Undo")`. Text is always text. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  node.append(...children);
  return node;
}

/** Say something in a corner. `undo` is called when asked for within `seconds`; returns a function that takes it away. */
export function toast(text, { tone = "ok", undo = null, seconds = undo ? 5 : /bad|warn/.test(tone) ? 8 : 4, key = "" } = {}) {
  const box = el("div", { class: `toast ${tone}` }, el("span", {}, text));
  const close = () => box.remove();
  if (undo) {
    const button = el("button", { class: "btn small", type: "button" }, "Undo", ...(key ? [" ", el("kbd", { class: "wide-only" }, key)] : []));
    button.addEventListener("click", () => { close(); undo(); });
    box.append(button);
  }
  $("#toasts").append(box);
  setTimeout(close, seconds * 1000);
  return close;
}

export class Refused extends Error {
  constructor(problem) { super(problem.detail ?? "The server did not answer."); Object.assign(this, problem); }
}

/** POST a form's fields (an object or FormData) and return what `Page.done` answered. Throws `Refused` with `remedy` and `fields`. */
export async function post(address, fields = {}, options = {}) {
  const body = fields instanceof FormData ? new URLSearchParams(fields) : new URLSearchParams();
  if (!(fields instanceof FormData)) for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) if (one !== null && one !== undefined) body.append(name, one);
  return answered(fetch(address, { ...options, method: "POST", body, headers: { Accept: "application/json", "X-CSRF-Token": csrf } }));
}

/** GET JSON. Throws `Refused`. */
export const getJson = (address, options = {}) => answered(fetch(address, { ...options, headers: { Accept: "application/json" } }));

/** GET a fragment of HTML made by our own templates, as a node. Throws `Refused`. */
export async function getPart(address, options = {}) {
  let response;
  try { response = await fetch(address, options); } catch (error) { throw lost(error); }
  if (!response.ok || response.redirected) throw new Refused({ status: response.status, detail: "This could not be loaded.", remedy: "Reload the page." });
  const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
  const part = document.createDocumentFragment();
  part.append(...parsed.body.childNodes);
  return part;
}

async function answered(asked) {
  let response;
  try { response = await asked; } catch (error) { throw lost(error); }
  const answer = await response.json().catch(() => null);
  if (response.ok && !response.redirected && answer) return answer;
  // whoever asked puts the page back as it was first: its address is where one comes back to
  if (response.status === 401) setTimeout(() => location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`));
  throw new Refused({ status: response.status, detail: "The server's answer cannot be read.", remedy: "Reload the page to see whether it was done.", ...answer });
}

function lost(error) {
  if (error.name === "AbortError") return error;
  return new Refused({ status: 0, code: "offline", detail: "The server cannot be reached.", remedy: "Check the connection; nothing was changed." });
}

/** Tell a refusal in words. */
export const tellRefusal = (error) => { if (error.name !== "AbortError") toast([error.message, error.remedy].filter(Boolean).join(" "), { tone: "bad" }); };

/** Whether keys belong to a field at the moment. */
export const typing = (event) => event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing ||
  event.target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable], dialog[open]") !== null;

// The live feed ---------------------------------------------------------------

const listeners = new Set();
let source = null;

/** Call `listener(event)` for `{topic, id, kind, ...}`; `{topic: "reload"}` after a gap. Returns a function that ends it. */
export function live(listener) {
  listeners.add(listener);
  connect();
  return () => listeners.delete(listener);
}

function tell(event) { for (const listener of listeners) listener(event); }

// Up to when this page has heard everything; the browser sends it too when it connects again by itself.
let heard = $("meta[name=began]")?.content;
const on = (act) => (event) => { heard = event.lastEventId || heard; act(event); };

let failed = 0;

function connect() {
  if (source || !listeners.size || document.hidden) return;
  const feed = source = new EventSource(`/live?since=${encodeURIComponent(heard)}`);
  feed.addEventListener("reload", on(() => tell({ topic: "reload" })));
  feed.onmessage = on((message) => tell(JSON.parse(message.data)));
  feed.onopen = () => { failed = 0; };
  // A browser connects again by itself when a connection breaks, but never after an answer such as 503.
  feed.onerror = () => {
    if (feed !== source || feed.readyState !== EventSource.CLOSED) return;
    source = null;
    setTimeout(connect, Math.min(30000, 5000 * 2 ** failed++) * (0.6 + 0.4 * Math.random()));
  };
}

// A browser allows few connections to one server, so a tab that nobody looks at holds none.
document.addEventListener("visibilitychange", () => {
  if (document.hidden && source) { source.close(); source = null; } else connect();
});

// Small things on every page ---------------------------------------------------

// On a phone the sections scroll sideways: the present one is brought into sight.
{
  const nav = $(".nav");
  const here = $("[aria-current]", nav ?? document);
  if (nav && here && matchMedia("(max-width: 56rem)").matches && nav.scrollWidth > nav.clientWidth) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.offsetWidth) / 2;
}

// Times go on while a page is open, as the server says them.
const SPANS = [[86400, "days"], [3600, "h"], [60, "min"], [1, "s"]];
function ago(seconds) {
  const size = Math.abs(seconds);
  if (size < 10) return "just now";
  const [unit, name] = SPANS.find(([one]) => size >= one), count = Math.round(size / unit), words = `${count} ${count === 1 && unit === 86400 ? "day" : name}`;
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}
setInterval(() => {
  if (document.hidden) return;
  for (const time of $$("time[datetime]")) {
    if (!/^in |ago$|^just now$/.test(time.textContent)) continue;
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    time.textContent = ago(seconds);
    time.closest("[data-due]")?.classList.toggle("late", seconds > 0);
  }
}, 30000);

// What a time is where its reader is: said when the pointer comes to it, since writing hundreds of them delays the first paint.
document.addEventListener("pointerover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (time) time.title = new Date(time.dateTime).toLocaleString();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    await navigator.clipboard.writeText(button.dataset.copy).then(() => toast("Copied."), () => toast("The browser did not allow copying.", { tone: "bad" }));
  }
  for (const open of $$("details.whoami[open]")) if (!open.contains(event.target)) open.open = false;
});

document.addEventListener("keydown", (event) => { if (event.key === "Escape") for (const open of $$("details.whoami[open]")) { open.open = false; $("summary", open).focus(); } });

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method === "dialog") return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "1";
  event.submitter?.setAttribute("aria-busy", "true");
  setTimeout(() => { delete event.target.dataset.sent; event.submitter?.removeAttribute("aria-busy"); }, 4000);
});

// An offer to undo goes when its time is over.
for (const offer of $$(".banner form[data-seconds]")) setTimeout(() => offer.remove(), offer.dataset.seconds * 1000);

// A brake is told on top of every page, also of one that is open already: what one reads there stays where it is.
const pauses = $("[data-pauses][data-live]");

async function lookForPauses() {
  try {
    const part = await getPart("/brakes/now?part=banner"), next = pauses.nextElementSibling, at = (one) => one.getBoundingClientRect().y;
    const read = [...$$(".queue, .pane"), next].map((one) => [one, at(one), one.scrollTop]), top = scrollY;
    pauses.replaceChildren(part);
    for (const [one, y, from] of read) {
      one.scrollTop = from + at(one) - y;
      if (!top && one === next) scrollTo(0, at(one) - y);
    }
    if (pauses.innerText && pauses.getBoundingClientRect().bottom < 1) toast(pauses.innerText, { tone: "warn" });
  } catch (error) { if (!error.status || error.status >= 500) setTimeout(lookForPauses, 5000); }
}

if (pauses) live((event) => { if (event.topic === "brakes" || event.topic === "reload") lookForPauses(); });
