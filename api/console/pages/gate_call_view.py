"""Journalled prompts and answers, for reading: who was asked what, which passages came, what was answered. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.console.formats import number, pretty
from workflows.journal.read import Entry
from workflows.journal.sealing import ERASED

Json = Any
_ROLES = {"system": "Instructions", "user": "Prompt", "assistant": "Answer of the model", "tool": "Result of a tool"}


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of content with what it is."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """One record. ``facts`` are a few words about it; ``erased`` when its content is gone for good."""

    says: str
    kind: str
    at: str
    facts: tuple[str, ...]
    parts: tuple[Part, ...]
    erased: bool


def call_of(entry: Entry) -> Call:
    """A record as it is shown."""
    erased = entry.content is ERASED
    parts = () if erased or entry.content is None else tuple(_parts(entry.content))
    return Call(entry.says, entry.kind, entry.occurred_at, tuple(_facts(entry)), parts, erased)


def _facts(entry: Entry) -> Iterator[str]:
    meta = entry.meta
    model = " ".join(dict.fromkeys(str(meta[key]) for key in ("provider", "model") if meta.get(key)))
    if model:
        yield model
    usage = meta.get("usage") or {}
    if usage.get("input_tokens") is not None:
        yield f"{number(usage['input_tokens'])} tokens in, {number(usage.get('output_tokens', 0))} out"
    if usage.get("usd"):
        yield f"$\u00a0{usage['usd']}"
    if entry.attempt is not None and entry.attempt > 1:
        yield f"attempt {entry.attempt}"
    if entry.outcome not in (None, "ok"):
        yield str(entry.outcome)


def _parts(content: Json) -> Iterator[Part]:
    """Messages and passages one by one; whatever else there is as it was recorded. Nothing is left out."""
    if not isinstance(content, dict):
        yield Part("Content", content if isinstance(content, str) else pretty(content))
        return
    for name in sorted(content, key=lambda name: name != "request"):  # what was asked comes before what was answered
        yield from _part(name, content[name])


def _part(name: str, value: Json) -> Iterator[Part]:
    label = {"request": "Request", "answer": "Answer", "error": "Error"}.get(name, name)
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        yield from (_message(message) for message in value["messages"])
        value = {key: kept for key, kept in value.items() if key != "messages"}
        label = "Asked with"
    elif name == "answer" and isinstance(value, dict) and isinstance(value.get("content"), str):
        if value["content"]:
            yield Part("Answer of the model", value["content"])
        value = {key: kept for key, kept in value.items() if key != "content" and kept not in (None, [], {})}
        label = "Answered with"
    if value not in (None, {}, []):
        yield Part(label, value if isinstance(value, str) else pretty(value))


def _message(message: Json) -> Part:
    if not isinstance(message, Mapping):
        return Part("Message", pretty(message))
    rest = {key: value for key, value in message.items() if key not in ("role", "content")}
    content = message.get("content")
    text = content if isinstance(content, str) else pretty(content)
    role = str(message.get("role", ""))
    return Part(_ROLES.get(role, role or "Message"), f"{text}\n{pretty(rest)}".strip() if rest else text)
