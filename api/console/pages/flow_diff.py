"""Two texts side by side: lines, and within changed lines the words. And three of them merged. Pure and bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Op = tuple[str, int, int, int, int]
Part = tuple[bool, str]
"""A piece of a line, and whether it changed."""

CONTEXT = 3
MAX_WORK = 20_000_000
"""Lines times lines beyond which what differs is shown as one block."""
MAX_WORDS = 200
MAX_FINE = 300
"""Changed lines beyond which the words within them are not compared."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison: ``same``, ``add``, ``del``, ``change`` (both sides), or ``skip`` (``skipped`` lines)."""

    kind: Literal["same", "add", "del", "change", "skip"]
    old_number: int | None = None
    new_number: int | None = None
    old: tuple[Part, ...] = ()
    new: tuple[Part, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """``added`` and ``removed`` count lines."""

    rows: tuple[Row, ...]
    added: int
    removed: int

    @property
    def equal(self) -> bool:
        return not self.added and not self.removed


@dataclass(frozen=True, slots=True)
class Merge:
    """``text`` is None where both changed the same place."""

    text: str | None


def compare(old: str, new: str, *, context: int = CONTEXT) -> Comparison:
    """Compare two texts by lines; what is equal far from a change is skipped."""
    before, after = old.split("\n"), new.split("\n")
    rows: list[Row] = []
    ops = _opcodes(before, after)
    changed = [op for op in ops if op[0] != "equal"]
    added, removed = sum(op[4] - op[3] for op in changed), sum(op[2] - op[1] for op in changed)
    for index, op in enumerate(ops):
        if op[0] == "equal":
            rows.extend(_equal(before, op, context, first=index == 0, last=index == len(ops) - 1))
        else:
            old_lines, new_lines = before[op[1] : op[2]], after[op[3] : op[4]]
            rows.extend(_changed(old_lines, new_lines, op[1] + 1, op[3] + 1, fine=added + removed <= MAX_FINE))
    return Comparison(tuple(rows), added, removed)


def _opcodes(before: Sequence[str], after: Sequence[str]) -> list[Op]:
    """What difflib says of what is between the equal beginning and the equal end."""
    shared = min(len(before), len(after))
    start = next((n for n in range(shared) if before[n] != after[n]), shared)
    tail = next((n for n in range(shared - start) if before[-1 - n] != after[-1 - n]), shared - start)
    ops: list[Op] = [("equal", 0, start, 0, start)] if start else []
    ops += _between(before, after, start, len(before) - tail, len(after) - tail)
    if tail:
        ops.append(("equal", len(before) - tail, len(before), len(after) - tail, len(after)))
    return ops


def _between(before: Sequence[str], after: Sequence[str], start: int, old_end: int, new_end: int) -> Iterator[Op]:
    rows, others = before[start:old_end], after[start:new_end]
    if not rows and not others:
        return
    if not rows or not others or len(rows) * len(others) > MAX_WORK:
        kind = "replace" if rows and others else "delete" if rows else "insert"
        yield (kind, start, old_end, start, new_end)
        return
    for kind, a, b, c, d in SequenceMatcher(None, rows, others).get_opcodes():
        yield (kind, a + start, b + start, c + start, d + start)


def _equal(before: Sequence[str], op: Op, context: int, *, first: bool, last: bool) -> Iterator[Row]:
    _, start, end, new_start, _ = op
    head = 0 if first else context
    tail = 0 if last else context
    hidden = end - start - head - tail
    for number in range(start, end):
        place = number - start
        if hidden > 1 and head <= place < head + hidden:
            if place == head:
                yield Row("skip", skipped=hidden)
            continue
        part = ((False, before[number]),)
        yield Row("same", number + 1, new_start + place + 1, part, part)


def _changed(old: Sequence[str], new: Sequence[str], old_at: int, new_at: int, *, fine: bool) -> Iterator[Row]:
    paired = min(len(old), len(new))
    for n in range(paired):
        left, right = words(old[n], new[n]) if fine else (((False, old[n]),), ((False, new[n]),))
        yield Row("change", old_at + n, new_at + n, left, right)
    for n in range(paired, len(old)):
        yield Row("del", old_at + n, None, ((False, old[n]),))
    for n in range(paired, len(new)):
        yield Row("add", None, new_at + n, (), ((False, new[n]),))


def words(old: str, new: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Both lines in pieces, those that differ marked; nothing is in lines with little in common or very long ones."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    whole = ((False, old),), ((False, new),)
    if max(len(before), len(after)) > MAX_WORDS:
        return whole
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.3:  # noqa: PLR2004  below that, marks within the line only confuse
        return whole
    left: list[Part] = []
    right: list[Part] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if b > a:
            left.append((kind != "equal", "".join(before[a:b])))
        if d > c:
            right.append((kind != "equal", "".join(after[c:d])))
    return tuple(left), tuple(right)


def merge(base: str, mine: str, theirs: str) -> Merge:
    """Both changes of ``base`` in one text, if they touch different lines with at least one line between them."""
    origin, own, other = base.split("\n"), mine.split("\n"), theirs.split("\n")
    changes = sorted(
        {(op[1], op[2], tuple(text[op[3] : op[4]])) for text in (own, other) for op in _edits(origin, text)}
    )
    made: list[str] = []
    at = 0
    touched = -1
    for start, end, lines in changes:
        if start <= touched:
            return Merge(None)
        made += origin[at:start]
        made += lines
        at = touched = end
    return Merge("\n".join([*made, *origin[at:]]))


def _edits(origin: Sequence[str], text: Sequence[str]) -> list[Op]:
    return [op for op in _opcodes(origin, text) if op[0] != "equal"]
