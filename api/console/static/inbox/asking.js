// The dialogs: a reason by one digit or in words, a yes before many, what was refused, and the keys.

import { $, el } from "../core.js";

const dialog = (name) => $(`dialog[data-dialog="${name}"]`);

export function showKeys() { dialog("keys").showModal(); }

/**
 * Ask for a reason, words or a yes. Resolves to `{reason_code, comment}`, or null when it was left.
 * `reasons` are pairs of code and words; `words` is "must", "may" or "".
 */
export function ask({ title, text = "", reasons = [], words = "", yes }) {
  const box = dialog("ask"), list = $("[data-ask-reasons]", box), field = $("#ask-words", box), go = $("[data-ask-yes]", box);
  $("[data-ask-title]", box).textContent = title;
  $("[data-ask-text]", box).textContent = text;
  $("[data-ask-label]", box).textContent = words === "must" ? "In your words" : "In your words, if you like";
  $("[data-ask-words]", box).hidden = !words;
  field.value = "";
  field.required = words === "must";
  go.textContent = yes;
  go.hidden = reasons.length > 0 && words !== "must";
  return new Promise((resolve) => {
    let chosen = null;
    const choose = (code) => { chosen = { reason_code: code, comment: field.value.trim() }; box.close("yes"); };
    list.replaceChildren(...reasons.map(([code, said], n) => {
      const button = el("button", { class: "btn wide", type: "button" }, ...(n < 9 ? [el("kbd", {}, String(n + 1)), " "] : []), said);
      button.addEventListener("click", () => choose(code));
      return el("li", {}, button);
    }));
    list.hidden = !reasons.length;
    const keys = (event) => {
      const typing = event.target === field;
      if (typing && event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); if (!go.hidden) go.click(); }
      const at = Number(event.key);
      if (!typing && !event.repeat && at >= 1 && at <= Math.min(9, reasons.length)) { event.preventDefault(); choose(reasons[at - 1][0]); }
    };
    box.addEventListener("keydown", keys);
    box.addEventListener("close", () => {
      box.removeEventListener("keydown", keys);
      resolve(chosen ?? (box.returnValue === "yes" ? { reason_code: "", comment: field.value.trim() } : null));
    }, { once: true });
    box.returnValue = "";
    box.showModal();
    (reasons.length ? $("button", list) : words ? field : go).focus();
  });
}

/** Name what was refused, each with its reason and a way to it. */
export function report(text, refused) {
  const box = dialog("report");
  $("[data-report-title]", box).textContent = text;
  $("[data-report-list]", box).replaceChildren(...refused.map((one) =>
    el("li", {}, el("a", { href: `/gates/${encodeURIComponent(one.id)}` }, one.title || one.id), el("p", {}, `${one.message} ${one.remedy}`))));
  box.showModal();
}
