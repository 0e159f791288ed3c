// What every shown gate needs, on its own page and in the pane beside the inbox: editing in place (form, look, confirm),
// parts that load when they are opened, and one open form at a time. Whoever shows the article sends its other forms.
//
//   const gate = attach(article);   gate.edit(); gate.open("reject"); gate.digit(1); gate.close(); gate.typed(); gate.detach();

import { $, $$, csrf, getPart, Refused, tellRefusal } from "../core.js";

const INPUT = "input:not([type=hidden]), select, textarea:not([hidden])";
const gone = (status) => new Refused({ status, detail: status ? "This could not be loaded." : "The server cannot be reached.", remedy: "Nothing was changed. Try again, or reload the page." });

export function attach(article) {
  const listening = new AbortController();
  const on = (target, kind, listener, options = {}) => target.addEventListener(kind, listener, { signal: listening.signal, ...options });
  const drops = () => $$("details.drop", article);
  const closeAll = (but) => { for (const one of drops()) if (one !== but) one.open = false; };
  let looking = false;

  // The form and the look at what it would do replace each other in their box; the server makes both.
  async function look(form, submitter) {
    if (looking) return;
    looking = true;
    const box = form.parentElement, body = new URLSearchParams(new FormData(form, submitter));
    body.set("part", "panel");
    submitter?.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`/gates/${article.dataset.gate}/preview`, { method: "POST", body, headers: { "X-CSRF-Token": csrf } }).catch(() => { throw gone(0); });
      const part = $("form.edit-form, [data-look]", new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (!part || answer.redirected) throw gone(answer.status);
      form.closest("[data-look]")?.replaceWith(part) ?? form.replaceWith(part);
      ($("[aria-invalid]", part) ?? $(part.matches("[data-look]") ? "button.primary" : INPUT, part))?.focus();
      part.scrollIntoView({ block: "nearest" });
    } catch (error) { tellRefusal(error); } finally { looking = false; submitter?.removeAttribute("aria-busy"); box.removeAttribute("aria-busy"); }
  }

  on(article, "submit", (event) => {
    if (event.target.dataset.act !== "preview" && event.submitter?.dataset.again === undefined) return;
    event.preventDefault();
    look(event.target, event.submitter);
  });

  on(article, "click", (event) => { if (event.target.closest('[data-do="edit"]')) { event.preventDefault(); edit(); } });
  on(document, "click", (event) => { if (!event.target.closest("details.drop")) closeAll(); });

  on(article, "toggle", async ({ target: box }) => {
    if (box.open && box.matches("details.drop")) closeAll(box);
    const from = box.open && box.dataset.load;
    if (!from) return;
    delete box.dataset.load;
    try {
      const part = await getPart(from);
      for (const child of [...box.children]) if (child.localName !== "summary") child.remove();
      box.append(part);
    } catch (error) { box.dataset.load = from; box.open = false; tellRefusal(error); }
  }, { capture: true });

  function edit() {
    const box = $("[data-edit-box]", article);
    if (!box) return false;
    box.open = true;
    $(INPUT, box)?.focus();
    box.scrollIntoView({ block: "nearest" });
    return true;
  }

  function open(name) {
    const box = $(`details[data-drop="${name}"]`, article);
    if (!box) return false;
    box.open = true;
    $("button, textarea", box).focus();
    return true;
  }

  function digit(number) {
    const button = $$('details[data-drop="reject"][open] button[name="reason_code"]', article)[number - 1];
    button?.click();
    return Boolean(button);
  }

  function close() {
    const opened = drops().find((one) => one.open);
    if (opened) { opened.open = false; $("summary", opened).focus(); }
    return Boolean(opened);
  }

  const differs = (field) => field.localName === "select" ? [...field.options].some((option) => option.selected !== option.defaultSelected && [...field.options].some((one) => one.defaultSelected))
    : field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  /** Whether something was typed that is not sent yet. */
  const typed = () => Boolean($("[data-look]", article)) || $$(INPUT, article).some(differs);

  return { article, edit, open, digit, close, typed, detach: () => listening.abort() };
}
