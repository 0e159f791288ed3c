// A file fills in the form, so that what is sent can be seen first.
import { $, toast } from "../core.js";

const form = $("#add");
const most = Number(form.dataset.most);
$("#choose").hidden = false;
$("#file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  if (file.size > most) { toast(`${file.name} is too large for this form; visto rag ingest reads it.`, { tone: "bad" }); return; }
  $("#f-name").value = file.name;
  $("#f-text").value = await file.text();
});
