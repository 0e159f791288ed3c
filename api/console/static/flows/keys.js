// What keys do inside the text: indenting as YAML wants it. Edits go through the browser, so undo knows them.

const STEP = "  ";

/** Put `text` in place of what is selected. */
export function insert(area, text) {
  area.focus();
  // the only way that keeps the browser's own undo; the other one is for browsers that do not know it
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

/** Put `text` in place of everything, if it differs. */
export function replaceAll(area, text) {
  if (area.value === text) return;
  area.focus();
  area.select();
  insert(area, text);
}

/** The line that begins at or before `at`: where it begins, and its text up to its end. */
export function lineAt(text, at) {
  const from = text.lastIndexOf("\n", at - 1) + 1;
  const end = text.indexOf("\n", at);
  return { from, text: text.slice(from, end < 0 ? text.length : end) };
}

/** Tab, Shift+Tab and Enter; returns whether the key was used. */
export function handle(area, event) {
  if (event.key === "Tab") { shift(area, event.shiftKey); return true; }
  if (event.key === "Enter" && !event.shiftKey) { newLine(area); return true; }
  return false;
}

function shift(area, back) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const first = value.lastIndexOf("\n", start - 1) + 1;
  if (!back && start === end) { insert(area, STEP.slice((start - first) % STEP.length)); return; }
  // what ends at the beginning of a line does not include that line
  const last = end > start && value[end - 1] === "\n" ? end - 1 : end;
  const stop = value.indexOf("\n", last) < 0 ? value.length : value.indexOf("\n", last);
  const lines = value.slice(first, stop).split("\n");
  const moved = lines.map((line) => (back ? line.replace(/^ {1,2}/, "") : line && STEP + line));
  if (moved.join("\n") === lines.join("\n")) return;
  area.setSelectionRange(first, stop);
  insert(area, moved.join("\n"));
  const head = moved[0].length - lines[0].length;
  if (start === end) area.setSelectionRange(Math.max(first, start + head), Math.max(first, start + head));
  else area.setSelectionRange(Math.max(first, start + head), first + moved.join("\n").length);
}

function newLine(area) {
  const { selectionStart: start, value } = area;
  const line = lineAt(value, start);
  const before = value.slice(line.from, start);
  let indent = before.match(/^ */)[0];
  const item = before.match(/^( *)-(\s+)\S/);
  if (item) indent = `${item[1]} ${item[2].replace(/\t/g, " ")}`;
  if (/(?::|[|>][-+]?)\s*$/.test(before.replace(/\s#.*$/, "")) && before.trim()) indent += STEP;
  insert(area, `\n${indent}`);
}
