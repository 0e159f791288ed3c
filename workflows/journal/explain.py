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
            said = () if full else _said(entry.content)
            lines += [f"      {label}: {_cut(_visible(text))}" for label, text in said]
            if not said:
                lines.append(f"      {_content(entry.content, full=full)}")
    return lines


def _said(content: Any) -> list[tuple[str, str]]:
    """What was asked last and what came back, if the record is about a model's call; the rest is in ``full``."""
    if not isinstance(content, dict):
        return []
    request, answer = content.get("request"), content.get("answer")
    messages = request.get("messages") if isinstance(request, dict) else None
    said: list[tuple[str, str]] = []
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        said.append(("asked", _text(messages[-1].get("content"))))
    if isinstance(answer, dict) and "tool_calls" in answer:
        calls = [one for one in answer.get("tool_calls") or () if isinstance(one, dict)]
        said += [("answered", f"{one.get('name')} {_text(one.get('args'))}") for one in calls]
        if answer.get("content"):
            said.append(("answered", _text(answer["content"])))
    return said


def _content(content: Any, *, full: bool) -> str:
    if content is ERASED:
        return "content: erased"
    shown = _visible(_text(content))
    return shown if full else _cut(shown)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, sort_keys=True)


def _visible(text: str) -> str:
    # a record's text may come from a model: control characters must not reach a terminal
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"
