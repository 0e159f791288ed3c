// What can be done about one gate, wherever it is shown: on its own page and in the pane beside the inbox.
//
//   const gate = attach(article, { decided, undone, next })   makes an <article data-gate> work without leaving the page
//   gate.approve(), gate.edit(), gate.reject(), gate.changes(), gate.undo(), gate.digit(n), gate.close()
//   gate.seen()       records that the person was shown this revision: call it when the article is really visible
//   gate.typed()      whether something was typed that is not sent yet
//   gate.refresh()    asks how the gate stands now; says so quietly and rests the buttons, never touches what was typed
//   gate.detach()     when the article is taken away
//
// On the article it tells "gate:decided", "gate:undone", "gate:changed" (cared for: claim, comment ...) and "gate:stale", with
// the server's answer as detail; a listener that calls preventDefault() does the telling (toasts, going on) itself.

import { $, $$, el, getJson, getPart, csrf, live, me, post, Refused, tellRefusal, toast } from "../core.js";

const gone = { detail: "This could not be loaded.", remedy: "Reload the page." };

export function attach(article) {
  const id = article.dataset.gate;
  const address = `/gates/${id}`;
  const listening = new AbortController();
  const clean = new Map();
  let busy = false;
  let stale = false;

  const drops = () => $$("details.drop", article);
  const drop = (name) => $(`details[data-drop="${name}"]`, article);
  const tell = (name, detail) => article.dispatchEvent(new CustomEvent(`gate:${name}`, { bubbles: true, cancelable: true, detail }));
  const closeDrops = (but) => { for (const one of drops()) if (one !== but) one.open = false; };

  // Sending ------------------------------------------------------------------

  async function send(form, submitter) {
    if (busy || (stale && form.closest(".gate-bar"))) return;
    const what = form.dataset.act;
    busy = true;
    submitter?.setAttribute("aria-busy", "true");
    try {
      if (what === "preview" || submitter?.dataset.again !== undefined) return await look(form, submitter);
      const answer = await post(form.action, new FormData(form, submitter));
      for (const field of $$("textarea", form)) clean.set(field, field.value);
      after(what, answer);
    } catch (error) { refused(error); } finally { busy = false; submitter?.removeAttribute("aria-busy"); }
  }

  function after(what, answer) {
    const decision = ["approve", "reject", "changes", "edit"].includes(what);
    if (decision) { closeDrops(); stale = true; }
    const name = decision ? "decided" : what === "undo" ? "undone" : "changed";
    if (!tell(name, { ...answer, what })) return;
    toast(answer.text, decision && answer.undo ? { undo: () => undo(), seconds: answer.undo_s, key: "z" } : {});
  }

  function refused(error) {
    if (error.fields) return tellRefusal(error);
    const known = ["stale_revision", "already_decided", "expired", "withdrawn", "claimed", "digest_mismatch"].includes(error.code);
    tellRefusal(error);
    if (known) refresh();
  }

  // The form and the look replace each other inside the box; each is a part made by the server.
  async function look(form, submitter) {
    const box = form.closest("[data-edit-box]");
    const body = new URLSearchParams(new FormData(form, submitter));
    body.set("part", "panel");
    let answer;
    try { answer = await fetch(`${address}/preview`, { method: "POST", body, headers: { "X-CSRF-Token": csrf } }); } catch { throw new Refused({ code: "offline", detail: "The server cannot be reached.", remedy: "Nothing was changed." }); }
    if (!(answer.headers.get("content-type") ?? "").includes("text/html") || ![200, 422, 409, 403].includes(answer.status)) throw new Refused(gone);
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    const part = $("form.edit-form, [data-look]", parsed);
    if (!part) throw new Refused(gone);
    for (const old of $$("form.edit-form, [data-look]", box)) old.remove();
    box.append(part);
    const first = $("[aria-invalid]", part) ?? (part.matches("[data-look]") ? $("button.primary", part) : $("input:not([type=hidden]), select, textarea", part));
    first?.focus();
    part.scrollIntoView({ block: "nearest" });
  }

  article.addEventListener("submit", (event) => {
    if (!event.target.dataset.act) return;
    event.preventDefault();
    send(event.target, event.submitter);
  }, { signal: listening.signal });

  article.addEventListener("click", (event) => {
    if (event.target.closest('[data-do="edit"]')) { event.preventDefault(); edit(); }
    if (event.target.closest("[data-show-now]")) location.reload();
  }, { signal: listening.signal });

  document.addEventListener("click", (event) => { if (!event.target.closest("details.drop")) closeDrops(); }, { signal: listening.signal });

  // Parts that are loaded when they are opened; without scripts their link leads to a page.
  article.addEventListener("toggle", async (event) => {
    const box = event.target;
    if (box.matches("details.drop") && box.open) closeDrops(box);
    if (!box.open || !box.dataset.load) return;
    const from = box.dataset.load;
    delete box.dataset.load;
    const kept = [...box.children].filter((child) => child.localName !== "summary");
    try {
      const part = await getPart(from);
      for (const child of kept) child.remove();
      box.append(part);
    } catch (error) { box.dataset.load = from; box.open = false; tellRefusal(error); }
  }, { capture: true, signal: listening.signal });

  // What keys and buttons do ---------------------------------------------------

  function approve() {
    const form = $('form[data-act="approve"]', article);
    if (form) form.requestSubmit($("button", form)); else not();
  }

  function edit() {
    const box = $("[data-edit-box]", article);
    if (!box) return not();
    box.open = true;
    $("input:not([type=hidden]), select, textarea", box)?.focus();
    box.scrollIntoView({ block: "nearest" });
  }

  function open(name) {
    const box = drop(name);
    if (!box) return not();
    box.open = true;
    $("button, textarea", box)?.focus();
  }

  function not() {
    const why = $(".gate-head .gate-notice .strong", article)?.textContent;
    toast(why || "This is not possible here.", { tone: "warn" });
  }

  function digit(number) {
    const box = drop("reject");
    const button = box?.open ? $$('button[name="reason_code"]', box)[number - 1] : null;
    button?.click();
    return Boolean(button);
  }

  async function undo() {
    try {
      const answer = await post(`${address}/undo`);
      stale = false;
      if (tell("undone", { ...answer, what: "undo" })) toast(answer.text);
    } catch (error) { refused(error); }
  }

  function close() {
    const opened = drops().find((one) => one.open);
    if (!opened) return false;
    opened.open = false;
    $("summary", opened).focus();
    return true;
  }

  const seen = () => post(article.dataset.seenUrl, { revision: article.dataset.revision }).catch(() => null);

  function typed() {
    return $$("textarea:not([hidden]), input:not([type=hidden]), select", article).some((field) => {
      if (clean.get(field) === field.value) return false;
      if (field.localName === "select") return ![...field.options].every((option) => option.selected === option.defaultSelected) && [...field.options].some((option) => option.defaultSelected);
      return field.type === "checkbox" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
    });
  }

  // How it stands elsewhere ------------------------------------------------------

  async function refresh(event = {}) {
    let now;
    try { now = await getJson(`${address}?part=state`); } catch { return null; }
    const closed = now.state !== "open";
    const moved = String(now.revision) !== article.dataset.revision;
    const news = closed ? now.decided : moved ? now.revised : now.claimed || (quiet(event.kind) ? "" : now.last);
    rest(closed || moved || (article.dataset.may !== undefined && !now.may_decide));
    if (closed !== (article.dataset.state !== "open") || moved || news !== ($("[data-news] span", article)?.textContent ?? "")) say(news, now.at);
    tell("stale", now);
    return now;
  }

  const quiet = (kind) => !["comment.added", "decision.vote", "approval.extended", "approval.assigned", "decision.undone"].includes(kind);

  function rest(resting) {
    stale = resting;
    article.toggleAttribute("data-stale", resting);
    for (const button of $$(".gate-bar button, [data-look] button, .edit-form button", article)) button.disabled = resting;
    for (const link of $$(".gate-bar a", article)) link.toggleAttribute("aria-disabled", resting);
  }

  function say(text, at) {
    const box = $("[data-news]", article);
    if (!box) return;
    box.replaceChildren();
    if (!text) return;
    const seconds = at ? Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000)) : null;
    const when = seconds === null || seconds > 600 ? "" : seconds < 2 ? " just now" : ` ${seconds} s ago`;
    box.append(el("span", {}, text), ...(when ? [el("span", { class: "dim" }, when)] : []), el("button", { class: "btn small", type: "button", "data-show-now": true }, typed() ? "Show it (what you typed is lost)" : "Show it"));
  }

  const deaf = live((event) => {
    if (event.topic === "reload") refresh();
    if (event.topic === "gate" && event.id === id && event.by !== me && event.kind !== "approval.viewed") refresh(event);
  });

  return { id, article, approve, edit, reject: () => open("reject"), changes: () => open("changes"), undo, digit, close, seen, typed, refresh, detach: () => { listening.abort(); deaf(); } };
}

/** Put the keys a e r u z, digits and Escape on a gate. Returns a function that takes them away. */
export function keys(gate, typing) {
  const does = { a: gate.approve, e: gate.edit, r: gate.reject, u: gate.changes, z: gate.undo };
  const listener = (event) => {
    if (event.key === "Escape") { if (gate.close()) event.preventDefault(); return; }
    if (typing(event)) return;
    if (/^[1-9]$/.test(event.key) ? gate.digit(Number(event.key)) : does[event.key]) {
      event.preventDefault();
      does[event.key]?.();
    }
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}
