// Choosing a flow chooses its brake; the state follows what others do.
import { $, getPart, live, tellRefusal } from "../core.js";

const flow = $("#stop select[name=flow]");
flow?.addEventListener("input", () => { $("#x-flow").checked = true; });

live(async (event) => {
  if (event.topic !== "brakes" && event.topic !== "reload") return;
  try { $("#now").replaceChildren(await getPart("/brakes/now")); } catch (error) { tellRefusal(error); }
});
