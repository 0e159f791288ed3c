// Lets toasts and dialogs be tried out where they are shown.
import { $, $$, toast } from "./core.js";

const dialog = $("[data-dialog]");
const tries = {
  toast: () => toast("Approved.", { undo: () => toast("Taken back."), key: "z" }),
  dialog: () => { dialog.close(); dialog.showModal(); },
};

for (const button of $$("[data-try]")) {
  button.hidden = false;
  button.addEventListener("click", tries[button.dataset.try]);
}

// Once put away it stands in the page again, without taking the focus.
dialog.addEventListener("close", () => { if (!dialog.matches(":modal")) dialog.setAttribute("open", ""); });
