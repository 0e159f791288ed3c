// How much waits, in the navigation of every page, kept up while the page is open.

import { $, getJson, live } from "../core.js";

const EVERY_MS = 1500;
const COUNTS = /^(approval\.(requested|assigned|stage)|decision\.(submitted|auto|expired|undone|superseded)|gate\.withdrawn)$/;
const badge = $("[data-waiting]");
let waiting = 0;

async function look() {
  waiting = 0;
  const found = await getJson("/inbox/waiting").catch(() => null);
  if (!found) return;
  badge.hidden = !found.waiting;
  badge.firstChild.nodeValue = found.badge;
}

if (badge) live((event) => {
  if (!waiting && (event.topic === "reload" || (event.topic === "gate" && COUNTS.test(event.kind)))) waiting = setTimeout(look, EVERY_MS);
});
