// The next gate of the list that a person works through, fetched while they look at this one.

import { $, getPart, live } from "../core.js";

const FRESH_MS = 120000;
let from = null, held = null;

/** Have ready what follows the shown gate, which says so with `data-ahead`; the earlier one is forgotten. */
export function ready(own) {
  from = own;
  own.removeAttribute("data-ahead");
  const mine = held = { own: null, at: performance.now() };
  if (own.dataset.next) getPart(`${own.dataset.next}&part=gate`).then((part) => {
    mine.own = $("[data-own]", part);
    own.toggleAttribute("data-ahead", Boolean(mine.own));
  }).catch(() => {});
}

/** The next gate, once, or null: there is none, or it is not here yet, or it is old. */
export function take() {
  const own = held && performance.now() - held.at < FRESH_MS ? held.own : null;
  if (own) held = null;
  return own;
}

live((event) => {
  const id = held?.own && $("article[data-gate]", held.own).dataset.gate;
  if (id && (event.topic === "reload" || (event.topic === "gate" && event.id === id && event.kind !== "approval.viewed"))) ready(from);
});
