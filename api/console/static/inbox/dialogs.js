// What the inbox asks before many gates are decided at once, and how it names those that were refused.

import { $, $$, el } from "../core.js";

const dialog = (name) => $(`dialog[data-dialog="${name}"]`);

/** Name what was refused, each with its reason and a way to it. */
export function report(text, refused) {
  const box = dialog("report");
  $("[data-report-title]", box).textContent = text;
  $("[data-report-list]", box).replaceChildren(...refused.map((one) =>
    el("li", {}, el("a", { href: `/gates/${encodeURIComponent(one.id)}` }, one.title || one.id), el("p", {}, `${one.message} ${one.remedy}`))));
  box.showModal();
}

/** Ask for a yes, or for a reason by one digit or in words: `{reason_code, comment}`, or null when it was left. */
export function ask({ title, text, reasons, words, yes }) {
  const box = dialog("ask"), list = $("[data-ask-reasons]", box), field = $("#ask-words", box), go = $("[data-ask-yes]", box);
  $("[data-ask-title]", box).textContent = title;
  $("[data-ask-text]", box).textContent = text;
  $("[data-ask-label]", box).textContent = reasons.length ? "In your words, if you like" : "In your words";
  $("[data-ask-words]", box).hidden = !words;
  field.value = "";
  field.required = words && !reasons.length;
  go.textContent = yes;
  go.hidden = reasons.length > 0;
  return new Promise((resolve) => {
    let chosen = null;
    const choose = (code) => { chosen = { reason_code: code, comment: field.value.trim() }; box.close(); };
    list.hidden = !reasons.length;
    list.replaceChildren(...reasons.map(([code, said], n) => {
      const button = el("button", { class: "btn wide", type: "button" }, ...(n < 9 ? [el("kbd", {}, String(n + 1))] : []), said);
      button.addEventListener("click", () => choose(code));
      return el("li", {}, button);
    }));
    box.onkeydown = (event) => {
      const button = /^[1-9]$/.test(event.key) && !event.repeat && event.target !== field ? $$("button", list)[event.key - 1] : null;
      if (button) { event.preventDefault(); button.click(); }
    };
    box.onclose = () => resolve(chosen ?? (box.returnValue === "yes" ? { reason_code: "", comment: field.value.trim() } : null));
    box.returnValue = "";
    box.showModal();
    (reasons.length ? $("button", list) : words ? field : go).focus();
  });
}
