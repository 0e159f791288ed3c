// Hands in a file from this device: its text goes into the form, as if it were pasted.

import { $, $$, toast } from "../core.js";

const MOST = 500 * 1024;

for (const box of $$("[data-upload]")) {
  const pick = $("input[type=file]", box);
  pick.closest("p").hidden = false;
  pick.addEventListener("change", async () => {
    const file = pick.files[0];
    if (!file) return;
    if (file.size > MOST) { pick.value = ""; toast("The file is larger than 500 KB. Put it into the files folder and give its path.", { tone: "bad" }); return; }
    let text;
    try { text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await file.arrayBuffer()); }
    catch { pick.value = ""; toast("The file is not UTF-8 text.", { tone: "bad" }); return; }
    $("[name^='name.']", box).value = file.name;
    $("[name^='content.']", box).value = text;
    box.parentElement.querySelector("[name^='in.']").value = "";
  });
}

// the first thing that is wrong is where one goes on
$("[data-run] [aria-invalid=true]")?.focus();
