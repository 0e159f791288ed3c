"""A recorder that survives its process and can die at any of its durable points; a knowledge base."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from agents.contracts import AgentDeps, AgentRequest, Hit, KnowledgeUse
from agents.settings import ModelAlias, ModelSettings

SCHEMA = {
    "type": "object",
    "properties": {
        "risk": {"type": "string", "enum": ["low", "medium", "high"]},
        "reason": {"type": "string", "maxLength": 400},
    },
    "required": ["risk", "reason"],
    "additionalProperties": False,
}
POLICY = Hit(
    collection="fraud-policy",
    document="policy.md",
    chunk="c1",
    score=0.9,
    text="Orders above 5,000 EUR are high risk. Orders to KP or IR are always high risk. Otherwise the risk is low.",
)


class Killed(Exception):
    """The process died here."""


class SqliteRecorder:
    """The operation journal in small: what ``begin`` and ``finish`` return from is on disk, whatever dies afterwards."""

    def __init__(self, path: str = ":memory:") -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS op (key TEXT PRIMARY KEY, position TEXT, hash TEXT, answer TEXT)")
        self.notes: list[tuple[str, Any, Any]] = []
        self.failures: list[tuple[str, str]] = []
        self.operations: list[Any] = []
        self.points = 0
        self.die_at: int | None = None

    def _point(self) -> None:
        self.points += 1
        if self.points == self.die_at:
            raise Killed

    async def begin(self, operation):
        self._point()
        row = self._db.execute("SELECT answer FROM op WHERE key = ?", (operation.key,)).fetchone()
        if row and row[0] is not None:
            return json.loads(row[0])
        self.operations.append(operation)
        self._db.execute(
            "INSERT OR IGNORE INTO op VALUES (?, ?, ?, NULL)",
            (operation.key, operation.meta.get("position"), operation.request_hash),
        )
        self._point()
        return None

    async def finish(self, operation, answer, usage=None):
        self._point()
        text = json.dumps(answer, allow_nan=False)
        self._db.execute("UPDATE op SET answer = ? WHERE key = ?", (text, operation.key))
        self._point()

    async def fail(self, operation, error, code):
        self.failures.append((code, error))

    async def note(self, kind, meta, content):
        self.notes.append((kind, dict(meta), content))

    def answers(self, kind: str) -> str:
        """What is recorded as answers to operations of a kind, as one text."""
        keys = [operation.key for operation in self.operations if operation.kind == kind]
        found = [self._db.execute("SELECT answer FROM op WHERE key = ?", (key,)).fetchone()[0] for key in keys]
        return json.dumps([json.loads(answer) for answer in found], ensure_ascii=False)

    async def recorded_hash(self, op_id, position):
        row = self._db.execute(
            "SELECT hash FROM op WHERE key LIKE ? AND position = ? ORDER BY rowid DESC", (f"{op_id}:%", position)
        ).fetchone()
        return row[0] if row else None


@dataclass
class Knowledge:
    """A knowledge base of fixed hits that counts its searches and can be down."""

    hits: list[Hit] = field(default_factory=lambda: [POLICY])
    down: Exception | None = None
    queries: list[str] = field(default_factory=list)

    async def search(self, namespace, collection, query, *, top_k, filter=None):
        self.queries.append(query)
        if self.down:
            raise self.down
        return self.hits[:top_k]


@dataclass
class Bench:
    """Everything an agent needs, with its parts in reach of the test."""

    recorder: SqliteRecorder = field(default_factory=SqliteRecorder)
    knowledge: Knowledge = field(default_factory=Knowledge)
    models: ModelSettings = field(default_factory=ModelSettings)
    tool: Callable[..., Any] | None = None
    tool_calls: list[tuple[str, dict]] = field(default_factory=list)
    beats: list[object] = field(default_factory=list)

    @property
    def deps(self) -> AgentDeps:
        async def run_tool(tool, args):
            self.tool_calls.append((tool.name, args))
            assert self.tool is not None
            return await self.tool(tool, args)

        return AgentDeps(self.recorder, self.knowledge, run_tool, self.beats.append, self.models)


def ask(**changes: Any) -> AgentRequest:
    """A request about a small order; ``changes`` replace fields."""
    fields: dict[str, Any] = {
        "namespace": "sales",
        "op_id": "op-1",
        "scope_key": "exec-1/triage/0",
        "instructions": "You are a fraud analyst.",
        "prompt": json.dumps({"order_id": "A-1", "amount": 7200, "country": "ES"}),
        "knowledge": (KnowledgeUse(collection="fraud-policy"),),
        "output_schema": SCHEMA,
    }
    return AgentRequest(**(fields | changes))


def openai_settings(url: str, **changes: Any) -> ModelSettings:
    """``default`` is the provider at ``url``; ``changes`` replace fields of the alias."""
    alias = {
        "provider": "openai",
        "model": "gpt-4.1-mini",
        "base_url": url,
        "api_key": SecretStr("sk-test"),
        "timeout_s": 5,
    }
    return ModelSettings(aliases={"default": ModelAlias(**(alias | changes))})
