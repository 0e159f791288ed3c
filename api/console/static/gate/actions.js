// What can be done about one shown gate, on its own page and in the pane beside the inbox.
//
//   const gate = attach(article, { native: [...] });   forms whose data-act is in `native` are left to the browser
//   gate.approve() edit() reject() changes() digit(n) close() undo() seen() typed() refresh() settle() detach()
//
// The article tells "gate:decided", "gate:undone", "gate:changed" (claimed, commented ...) with the server's answer, and
// "gate:refused" with the refusal. A listener that calls preventDefault() does the telling itself.

import { $, $$, csrf, el, getJson, getPart, live, me, post, Refused, tellRefusal, toast } from "../core.js";

const INPUT = "input:not([type=hidden]), select, textarea:not([hidden])";
const DECISIONS = ["approve", "reject", "changes", "edit"], TAP_MS = 400;
const SAID = ["comment.added", "decision.vote", "approval.extended", "approval.assigned", "decision.undone", "claim.released"];
const gone = (status) => new Refused({ status, detail: status ? "This could not be loaded." : "The server cannot be reached.", remedy: "Nothing was changed. Try again, or reload the page." });

export function attach(article, { native = [] } = {}) {
  const id = article.dataset.gate, address = `/gates/${id}`;
  const listening = new AbortController();
  const on = (target, kind, listener, options = {}) => target.addEventListener(kind, listener, { signal: listening.signal, ...options });
  const drops = () => $$("details.drop", article);
  const closeAll = (but) => { for (const one of drops()) if (one !== but) one.open = false; };
  const tell = (name, detail) => article.dispatchEvent(new CustomEvent(`gate:${name}`, { bubbles: true, cancelable: true, detail }));
  const stale = () => article.hasAttribute("data-stale");
  let busy = false;

  // Sending --------------------------------------------------------------------------

  on(article, "submit", (event) => {
    const form = event.target, what = form.dataset.act, looks = what === "preview" || event.submitter?.dataset.again !== undefined;
    if (what === "approve" && editing()) { event.preventDefault(); return toast("You changed the suggestion: confirm that, or reload the page to approve it as it was.", { tone: "warn" }); }
    if (what === "reject" && !event.submitter?.name && !$("textarea", form).value.trim()) {
      event.preventDefault();
      $("textarea", form).focus();
      return toast("Choose a reason, or say in your words why not.", { tone: "warn" });
    }
    if (!what || (!looks && native.includes(what))) return;
    event.preventDefault();
    if (!busy) (looks ? look : send)(form, event.submitter, what);
  });

  const working = (button, now) => { busy = now; if (now) button?.setAttribute("aria-busy", "true"); else button?.removeAttribute("aria-busy"); };

  async function send(form, button, what) {
    const decides = DECISIONS.includes(what);
    if (decides && stale()) return;
    working(button, true);
    try {
      const answer = { ...await post(form.getAttribute("action"), new FormData(form, button)), what };
      form.reset();
      if (decides) { closeAll(); rest(true); }
      if (tell(decides ? "decided" : what === "undo" ? "undone" : "changed", answer)) toast(answer.text, answer.undo ? { undo, seconds: answer.undo_s, key: "z" } : {});
    } catch (error) {
      if (tell("refused", error)) { tellRefusal(error); refresh(); }
    } finally { working(button, false); }
  }

  // The form and the look at what it would do replace each other; the server makes both.
  async function look(form, button) {
    const body = new URLSearchParams(new FormData(form, button));
    body.set("part", "panel");
    working(button, true);
    try {
      const answer = await fetch(`${address}/preview`, { method: "POST", body, headers: { "X-CSRF-Token": csrf } }).catch(() => { throw gone(0); });
      const part = $("form.edit-form, [data-look]", new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (!part || answer.redirected) throw gone(answer.status);
      part.dataset.typed = ""; // what the server sends back in its fields is what was typed
      (form.closest("[data-look]") ?? form).replaceWith(part);
      ($("[aria-invalid]", part) ?? $(part.matches("[data-look]") ? "button.primary" : INPUT, part))?.focus({ preventScroll: true });
      part.scrollIntoView({ block: "nearest" });
    } catch (error) { tellRefusal(error); } finally { working(button, false); }
  }

  async function undo() {
    try {
      const answer = { ...await post(`${address}/undo`), what: "undo" };
      rest(false);
      if (tell("undone", answer)) toast(answer.text);
    } catch (error) { if (tell("refused", error)) tellRefusal(error); }
  }

  // Opening ---------------------------------------------------------------------------

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

  const not = () => toast($(".gate-head .gate-notice .strong", article)?.textContent ?? "This is not possible here.", { tone: "warn" });

  function approve() {
    const button = $('form[data-act="approve"] button', article);
    if (button && !stale()) button.form.requestSubmit(button); else not();
  }

  function edit() {
    const box = $("[data-edit-box]", article);
    if (!box) return not();
    box.open = true;
    $(INPUT, box)?.focus({ preventScroll: true });
    return box.scrollIntoView({ block: "nearest" });
  }

  function open(name) {
    const box = $(`details[data-drop="${name}"]`, article);
    if (!box || stale()) return not();
    box.open = true;
    return $("button, textarea", box).focus();
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

  const seen = () => post(article.dataset.seenUrl, { revision: article.dataset.revision }).catch(() => null);

  const differs = (field) => field.localName === "select" ? [...field.options].some((one) => one.defaultSelected && !one.selected)
    : field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  const changed = (within) => Boolean($("[data-look], [data-typed]", article)) || $$(INPUT, within).some(differs);
  const typed = () => changed(article);
  const editing = () => changed($("[data-edit-box]", article) ?? el("p"));

  // What happens to it elsewhere is said quietly, and what was typed stays ---------------

  async function refresh(kind = "") {
    let now;
    try { now = await getJson(`${address}?part=state`); } catch { return; }
    const closed = now.state !== "open", moved = String(now.revision) !== article.dataset.revision;
    const news = closed && article.dataset.state === "open" ? now.decided : moved ? now.revised : now.claimed || (SAID.includes(kind) ? now.last : "");
    rest(closed || moved || ("may" in article.dataset && !now.may_decide));
    if (news) say(news, now.at);
  }

  function rest(resting) {
    article.toggleAttribute("data-stale", resting);
    for (const button of $$(".gate-bar button, [data-look] button, .edit-form button", article)) button.disabled = resting;
    for (const way of $$(".gate-bar :is(a, summary)", article)) way.setAttribute("aria-disabled", resting);
  }

  function say(text, at) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at ?? "")) / 1000));
    const when = seconds > 600 || Number.isNaN(seconds) ? "" : seconds < 2 ? "just now" : `${seconds} s ago`;
    $("[data-news]", article).replaceChildren(el("span", {}, `${text} ${when}`), el("button", { class: "btn small", type: "button", "data-show-now": true }, typed() ? "Show it, and lose what you typed" : "Show it"));
  }

  // A gate that takes another's place stands where that one stood: the second half of a double tap is no decision on it.
  function settle() {
    const now = article.dataset.settling = String(performance.now());
    setTimeout(() => { if (article.dataset.settling === now) delete article.dataset.settling; }, TAP_MS);
  }

  const deaf = live((event) => {
    if (event.topic === "reload") refresh();
    if (event.topic === "gate" && event.id === id && event.by !== me && event.kind !== "approval.viewed") refresh(event.kind);
  });

  return { id, article, approve, edit, reject: () => open("reject"), changes: () => open("changes"), digit, close, undo, seen, typed, refresh, settle, detach: () => { listening.abort(); deaf(); } };
}
