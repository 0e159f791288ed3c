"""What a connector is: one model of its properties, one of its output, one effect, one function.

Errors
------
ConnectorError          something outside said no or did not answer
├── permanent=True      bad request, refused, not found: never tried again
└── permanent=False     ``code`` is ``timeout``, ``rate_limit`` or ``server_error``: the retry policy decides
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

INLINE_LIMIT_BYTES = 64 * 1024
"""Bulk values above this size travel as an ``ArtifactRef`` instead of inside the history."""


class Properties(BaseModel):
    """Base of property models: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


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

    async def get(self, ref: ArtifactRef | str) -> bytes: ...


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
O = TypeVar("O", bound=Output)


@dataclass(frozen=True, slots=True)
class Connector(Generic[P, O]):
    """One task type that touches the world. ``run`` is called inside an activity, never in a workflow.

    ``idempotent`` promises that repeating ``run`` with the same ``op_id`` has the effect of one call,
    also when the first call died halfway.
    """

    type: str
    summary: str
    properties: type[P]
    output: type[O]
    effect: Literal["read", "write"]
    idempotent: bool
    run: Callable[[Call, P], Awaitable[O]]
    queue: Literal["visto", "visto-ai", "visto-bulk"] = "visto"
    secrets: frozenset[str] = frozenset()
