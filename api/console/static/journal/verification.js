// A verification under way is followed until it ends.
import { $, getPart } from "../core.js";

async function follow() {
  const box = $("#now");
  if (!$("[data-running]", box)) { $("#again").disabled = false; return; }
  try { box.replaceChildren(await getPart("/journal/verification/now")); } catch { /* asked again below */ }
  setTimeout(follow, 1000);
}
setTimeout(follow, 700);
