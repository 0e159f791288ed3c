"""An execution told in order: prompt, passages, answer, rules, who was asked, who saw what, decision, effect."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workflows.journal.read import Entry
from workflows.journal.sealing import ERASED

_SHOWN = 160


def explain(entries: Sequence[Entry], *, full: bool = False) -> list[str]:
    """One line per record, then its content, cut to a line unless ``full``."""
    lines: list[str] = []
    for entry in entries:
        who = f"{entry.actor_kind} {entry.actor_id}" if entry.actor_id else entry.actor_kind
        parts = [f"{entry.seq:>4}", entry.occurred_at, entry.kind, f"({entry.says})", f"by {who}"]
        parts += [f"via {entry.via}"] if entry.via else []
        parts += [f"at {entry.path}"] if entry.path else []
        parts += [f"-> {entry.outcome}"] if entry.outcome else []
        parts += [f"digest {entry.action_digest[:12]}"] if entry.action_digest else []
        lines.append("  ".join(parts))
        if entry.content is not None:
            lines.append(f"      {_content(entry.content, full=full)}")
    return lines


def _content(content: Any, *, full: bool) -> str:
    if content is ERASED:
        return "content: erased"
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, sort_keys=True)
    # a record's text may come from a model: control characters must not reach a terminal
    visible = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return visible if full or len(visible) <= _SHOWN else f"{visible[:_SHOWN]}… ({len(visible):,} characters)"
