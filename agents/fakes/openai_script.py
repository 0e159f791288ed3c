"""What the fake answers: a script of rules, and sensible answers where no rule matches.

A script is a JSON list of rules ``{"when": {...}, "do": {...}, "times": n}``; the first rule that matches and is not
used up decides. ``when`` may hold ``contains`` (a text anywhere in the request), ``model``, ``tool_results`` (how many
tool messages the request holds) and ``nth`` (the n-th chat request of the server, from 1). ``do.kind`` is one of:

``auto``; ``text`` (content); ``answer`` (arguments for the answer's tool); ``tool_calls`` (calls: name, arguments, id);
``status`` (status, retry_after, message, code); ``hang`` (seconds); ``cut`` (after: bytes); ``half_json``; ``html``;
``empty_choices``; ``null_choices``; ``refusal``; ``content_filter``; ``nan`` (field); ``huge`` (bytes); ``broken_arguments``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

Json = Any
ANSWER_NAMES = ("answer", "final_answer", "visto_final_answer")


@dataclass(slots=True)
class Rule:
    """One line of the script. ``times`` counts down; ``None`` never ends."""

    do: dict[str, Json]
    when: dict[str, Json] = field(default_factory=dict)
    times: int | None = None

    def matches(self, body: dict[str, Json], number: int) -> bool:
        if self.times == 0:
            return False
        facts = {"model": body.get("model"), "tool_results": _results(body), "nth": number}
        if self.when.get("contains", "") not in json.dumps(body, ensure_ascii=False):
            return False
        return all(facts[name] == wanted for name, wanted in self.when.items() if name != "contains")


class Script:
    """Rules in order; a rule that matched ``times`` times is used up. Raises ``ValueError`` for an unknown ``when``."""

    def __init__(self, rules: Iterable[dict[str, Json]] = ()) -> None:
        self._rules = [Rule(**rule) for rule in rules]
        for rule in self._rules:
            if unknown := set(rule.when) - {"contains", "model", "tool_results", "nth"}:
                raise ValueError(f"unknown condition in the script: {', '.join(sorted(unknown))}")

    def decide(self, body: dict[str, Json], number: int) -> dict[str, Json]:
        for rule in self._rules:
            if rule.matches(body, number):
                if rule.times is not None:
                    rule.times -= 1
                return rule.do
        return {"kind": "auto"}


def message(body: dict[str, Json], do: dict[str, Json]) -> tuple[dict[str, Json], str]:
    """The assistant's message and the finish reason for a behaviour that is an ordinary answer."""
    kind = do["kind"]
    if kind == "text":
        return {"role": "assistant", "content": do["content"], "refusal": None}, "stop"
    if kind == "refusal":
        return {"role": "assistant", "content": None, "refusal": "I'm sorry, I can't help with that."}, "stop"
    if kind == "content_filter":
        return {"role": "assistant", "content": "", "refusal": None}, "content_filter"
    if kind == "tool_calls":
        return _called(body, do["calls"]), "tool_calls"
    tools = {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools") or []}
    answer = next((name for name in reversed(ANSWER_NAMES) if name in tools), next(reversed(tools), None))
    if answer is None:
        return {"role": "assistant", "content": "OK.", "refusal": None}, "stop"
    search = next((name for name in tools if name.startswith("search_")), None)
    if kind == "auto" and search is not None and not _results(body):
        return _called(body, [{"name": search, "arguments": {"query": _case(body)[:200] or "policy"}}]), "tool_calls"
    arguments = {**example(tools[answer]), **_cited(body, tools[answer])}
    if kind == "nan":
        arguments[do["field"]] = float("nan")
    raw = json.dumps(do.get("arguments", arguments))
    return _called(
        body, [{"name": answer, "raw": raw[: len(raw) // 2] if kind == "broken_arguments" else raw}]
    ), "tool_calls"


def example(schema: dict[str, Json]) -> Json:
    """The simplest value that fits a JSON Schema: first enum member, least number, shortest text."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: example(item) for name, item in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema.get("items", {}))] * int(schema.get("minItems", 0))
    if kind in {"number", "integer"}:
        return schema.get("minimum", 0)
    if kind == "string":
        return "fake answer".ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength", 100)]
    return {"boolean": False, "null": None}[kind]


def _called(body: dict[str, Json], calls: Iterable[dict[str, Json]]) -> dict[str, Json]:
    seed = sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
    listed = [
        {
            "id": call.get("id", f"call_{seed}{place}"),
            "type": "function",
            "function": {"name": call["name"], "arguments": call.get("raw") or json.dumps(call.get("arguments", {}))},
        }
        for place, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": listed}


def _results(body: dict[str, Json]) -> int:
    return sum(m.get("role") == "tool" for m in body.get("messages", []))


def _case(body: dict[str, Json]) -> str:
    users = [m for m in body["messages"] if m["role"] == "user"]
    content = users[0]["content"] if users else ""
    return content if isinstance(content, str) else json.dumps(content)


def _cited(body: dict[str, Json], schema: dict[str, Json]) -> dict[str, Json]:
    if "cited_passages" not in schema.get("properties", {}):
        return {}
    ids = []
    for result in (m["content"] for m in body["messages"] if m["role"] == "tool"):
        try:
            ids += [passage["id"] for passage in json.loads(result)["passages"]]
        except (ValueError, LookupError, TypeError):
            continue
    return {"cited_passages": ids[:1]}
