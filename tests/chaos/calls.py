"""Model calls told twice: by the journal, and by the provider that was asked. What was said ties the two together."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, NamedTuple

from tests.chaos.evidence import Evidence, Row
from workflows.journal.read import Entry

Json = Any


class Call(NamedTuple):
    """One model call as the journal tells it."""

    execution: str
    name: str
    requests: list[Entry]
    answers: list[Entry]


def journalled(evidence: Evidence) -> dict[str, Call]:
    """The journal's model calls by what was said in them."""
    found: dict[str, Call] = {}
    by_key: dict[str, str] = {}
    for execution, said in evidence.journal.items():
        for entry in said:
            if entry.kind == "llm.request":
                assert isinstance(entry.content, dict), "nothing is erased here"
                spoken = _spoken(entry.content["request"]["messages"])
                key = by_key.setdefault(entry.meta["key"], spoken)
                call = found.setdefault(key, Call(execution, f"call {entry.meta['key'][:60]}", [], []))
                call.requests.append(entry)
            elif entry.kind == "llm.response" and entry.meta["key"] in by_key:
                found[by_key[entry.meta["key"]]].answers.append(entry)
    return found


def arrived(evidence: Evidence) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for line in evidence.asked:
        found[_spoken(line["body"]["messages"])].append(line)
    return found


def _spoken(messages: list[Row]) -> str:
    """A conversation as text, equal in the journal's notation and in the provider's."""
    return json.dumps([[m["role"], m.get("content") or "", _called(m)] for m in messages], sort_keys=True)


def _called(message: Row) -> list[Json]:
    calls = []
    for call in message.get("tool_calls") or []:
        function = call.get("function")
        calls.append(
            [function["name"], json.loads(function["arguments"])] if function else [call["name"], call["args"]]
        )
    return calls
