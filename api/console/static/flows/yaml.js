// Colours for YAML, line by line: `line(text, state)` gives pieces `[kind, text]` and the state in which the next line begins.
// It colours; what is right is said by the server's checker alone.

export const START = Object.freeze({ block: -1, quote: "", flow: 0 });

const KEY = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#:{}[\],&*!|>%@`][^:#{}[\],]*|[^\s"'#:{}[\],&*!|>%@`](?:[^:#]|:(?!\s|$))*?)(?=\s*:(?:\s|$))/;
const FLOW_KEY = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#:{}[\],]+)(?=\s*:(?:\s|$))/;
const NUMBER = /^[-+]?(?:\d[\d_]*(?:\.\d*)?(?:[eE][-+]?\d+)?|0x[\da-fA-F]+|0o[0-7]+|\.inf|\.nan)$/;
const WORD = /^(?:true|false|null|~)$/;

export function line(text, before) {
  const out = [];
  const state = { ...before };
  const indent = text.search(/\S/);
  if (state.block >= 0) {
    if (indent < 0 || indent > state.block) { words(out, "string", text); return { pieces: out, state }; }
    state.block = -1;
  }
  let at = 0;
  const put = (kind, length) => { if (length > 0) { out.push([kind, text.slice(at, at + length)]); at += length; } };
  if (state.quote) {
    const end = closing(text, 0, state.quote);
    if (end < 0) { words(out, "string", text); return { pieces: out, state }; }
    words(out, "string", text.slice(0, end)); at = end; state.quote = "";
  } else if (/^(?:---|\.\.\.)(?:\s|$)/.test(text)) put("punct", 3);
  let column = -1;
  let fresh = at === 0 || at === 3;
  while (at < text.length) {
    const rest = text.slice(at);
    const space = rest.match(/^\s+/);
    if (space) { put("", space[0].length); continue; }
    if (rest[0] === "#" && (at === 0 || /\s/.test(text[at - 1]))) { put("comment", rest.length); break; }
    if (fresh && /^[-?](?:\s|$)/.test(rest)) { put("punct", 1); continue; }
    const key = (fresh || state.flow) && rest.match(state.flow ? FLOW_KEY : KEY);
    if (key) {
      if (!state.flow) column = at;
      put("key", key[0].length);
      put("punct", text.slice(at).match(/^\s*:/)[0].length);
      fresh = false;
      continue;
    }
    fresh = false;
    if (rest.startsWith("{{")) { const end = rest.indexOf("}}"); put("expr", end < 0 ? rest.length : end + 2); continue; }
    if (/^[{[]/.test(rest)) { state.flow += 1; put("punct", 1); continue; }
    if (state.flow && /^[}\]]/.test(rest)) { state.flow -= 1; put("punct", 1); continue; }
    if (state.flow && rest[0] === ",") { put("punct", 1); continue; }
    if (rest[0] === '"' || rest[0] === "'") {
      const end = closing(text, at + 1, rest[0]);
      const whole = end < 0 ? rest : text.slice(at, end);
      if (end < 0) state.quote = rest[0];
      words(out, "string", whole); at += whole.length;
      continue;
    }
    if (/^[&*!][^\s,[\]{}]*/.test(rest)) { put("anchor", rest.match(/^[&*!][^\s,[\]{}]*/)[0].length); continue; }
    if (!state.flow && /^[|>][-+\d]*\s*(?:#.*)?$/.test(rest)) {
      state.block = column >= 0 ? column : Math.max(indent, 0);
      put("punct", rest.match(/^[|>][-+\d]*/)[0].length);
      continue;
    }
    const plain = rest.match(state.flow ? /^(?:[^,[\]{}#\s]|\s+(?=[^\s#,[\]{}])|(?<=\S)#)+/ : /^(?:[^#\s]|\s+(?=[^\s#])|(?<=\S)#)+/);
    const value = plain ? plain[0] : rest[0];
    words(out, NUMBER.test(value) ? "number" : WORD.test(value) ? "word" : "text", value);
    at += value.length;
  }
  return { pieces: out, state };
}

function closing(text, from, quote) {
  for (let at = from; at < text.length; at += 1) {
    if (quote === '"' && text[at] === "\\") at += 1;
    else if (text[at] === quote) { if (quote === "'" && text[at + 1] === "'") at += 1; else return at + 1; }
  }
  return -1;
}

function words(out, kind, text) {
  let at = 0;
  for (const found of text.matchAll(/\{\{.*?\}\}/g)) {
    if (found.index > at) out.push([kind, text.slice(at, found.index)]);
    out.push(["expr", found[0]]);
    at = found.index + found[0].length;
  }
  if (at < text.length) out.push([kind, text.slice(at)]);
}
