// The next gate of the list that a person works through, fetched while they look at this one.

import { $, getPart, live } from "../core.js";

const FRESH_MS = 120000, PATIENCE_MS = 1000;
const DECIDES = 'form[data-act="approve"], form[data-act="reject"]';
let from = null, held = null;

/** Have ready what follows the shown gate, which says so with `data-ahead`; the earlier one is forgotten. */
export function ready(own) {
  from = own;
  own.removeAttribute("data-ahead");
  const mine = held = { own: null, at: performance.now(), coming: null };
  if (!own.dataset.next || !$(DECIDES, own)) return;
  const fetched = getPart(`${own.dataset.next}&part=gate`).then((part) => {
    if (mine !== held) return;
    mine.own = $("[data-own]", part);
    own.toggleAttribute("data-ahead", Boolean(mine.own));
  }).catch(() => {});
  const late = new Promise((done) => { setTimeout(done, PATIENCE_MS); });
  mine.coming = Promise.race([fetched, late]).then(() => { mine.coming = null; });
  setTimeout(() => { if (mine === held) renew(); }, FRESH_MS);
}

const fresh = () => performance.now() - held.at < FRESH_MS;
function renew() { if (held && !fresh() && !document.hidden) ready(from); }
document.addEventListener("visibilitychange", renew);

/** While it is on its way: a promise until it is here, or is not worth waiting for. Else null. */
export const coming = () => held?.coming ?? null;

/** The next gate, once, or null: there is none, or it is not here yet, or it is old. */
export function take() {
  const own = held && fresh() ? held.own : null;
  if (own) held = null;
  return own;
}

live((event) => {
  const id = held?.own && $("article[data-gate]", held.own).dataset.gate;
  if (id && (event.topic === "reload" || (event.topic === "gate" && event.id === id && event.kind !== "approval.viewed"))) ready(from);
});
