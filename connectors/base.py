"""What a connector is: one model of its properties, one of its output, one effect, one function.

Errors
------
ConnectorError          something outside said no or did not answer
├── permanent=True      bad request, refused, not found: never tried again
└── permanent=False     ``code`` is ``timeout``, ``rate_limit`` or ``server_error``: the retry policy decides
"""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

INLINE_LIMIT_BYTES = 64 * 1024
"""Bulk values above this size travel as an ``ArtifactRef`` instead of inside the history."""


class Properties(BaseModel):
    """Base of property models: unknown keys are errors, and errors never repeat values (they may be secrets)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Output(BaseModel):
    """Base of output models."""


class ArtifactRef(BaseModel):
    """A bulk value by reference. ``uri`` is ``artifact://<namespace>/<sha256>``; ``count`` is rows for tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    uri: str
    sha256: str
    bytes: int
    count: int | None = None
    schema_: dict[str, str] | None = None
    media_type: str = "application/json"


class Artifacts(Protocol):
    """Content-addressed storage of one namespace."""

    async def put(self, data: bytes, *, media_type: str, count: int | None = None) -> ArtifactRef: ...

    async def put_file(self, path: Path, *, media_type: str, count: int | None = None) -> ArtifactRef:
        """Store a local file's content without reading it into memory; ``path`` itself is left alone."""
        ...

    async def get(self, ref: ArtifactRef | str) -> bytes: ...

    async def open(self, ref: ArtifactRef | str) -> BinaryIO:
        """Open the content for streaming; the caller closes it."""
        ...

    async def slice_rows(self, ref: ArtifactRef | str, start: int, stop: int) -> Sequence[Any]:
        """Rows ``start <= n < stop`` of a table stored as JSONL or as a JSON array."""
        ...


@dataclass(frozen=True, slots=True)
class Connection:
    """A resolved connection: where to, and with what. Never stored, never journalled."""

    name: str
    type: str
    config: Mapping[str, Any]
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """What a connector is told about the call it serves.

    ``op_id`` is equal on every retry of the same effect and differs between effects: send it on as idempotency key.
    ``files_root`` is the only folder that file connectors may touch.
    """

    namespace: str
    op_id: str
    attempt: int
    files_root: Path
    artifacts: Artifacts
    connection: Connection | None = None
    heartbeat: Callable[[object], None] = lambda _: None


class ConnectorError(Exception):
    """A failed call, in words for the person who reads it. ``remedy`` says what to do about it."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        permanent: bool,
        remedy: str = "",
        retry_after_s: float | None = None,
        outcome_known: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.remedy = remedy
        self.retry_after_s = retry_after_s
        self.outcome_known = outcome_known


P = TypeVar("P", bound=Properties)
R = TypeVar("R", bound=Output)


@dataclass(frozen=True, slots=True)
class Connector(Generic[P, R]):
    """One task type that touches the world. ``run`` is called inside an activity, never in a workflow.

    ``idempotent`` promises that repeating ``run`` with the same ``op_id`` has the effect of one call,
    also when the first call died halfway. ``quick`` says that it is done in milliseconds, inside the process, with a small
    output: the worker then runs it beside the workflow, without a trip through the server. ``secrets`` names the properties that may hold ``{{ secrets.NAME }}``.
    ``effect_of`` narrows ``effect`` by the raw properties where one type both reads and writes.
    """

    type: str
    summary: str
    properties: builtins.type[P]
    output: builtins.type[R]
    effect: Literal["read", "write"]
    idempotent: bool
    run: Callable[[Call, P], Awaitable[R]]
    queue: Literal["visto", "visto-ai", "visto-bulk"] = "visto"
    quick: bool = False
    secrets: frozenset[str] = frozenset()
    effect_of: Callable[[Mapping[str, Any]], Literal["read", "write"]] | None = None

    def effect_for(self, properties: Mapping[str, Any]) -> Literal["read", "write"]:
        """The effect of a task with these raw properties, as written in the YAML."""
        return self.effect_of(properties) if self.effect_of else self.effect
