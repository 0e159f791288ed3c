"""What goes into an agent and what comes out; the two Protocols through which it meets the world.

Errors
------
AgentError                  the step cannot be answered; ``permanent`` decides whether it is tried again
├── code="model_refused"      the provider refused (permanent)
├── code="bad_answer"         no answer fits the schema after the allowed corrections (permanent)
├── code="step_limit"         the agent used all its steps (permanent)
├── code="no_model"           the alias names no configured model (permanent)
├── code="bad_request"        4xx from the provider, wrong key included (permanent)
├── code="budget_exceeded"    permanent until somebody raises the budget
├── code="rate_limit" | "server_error" | "timeout"        transient
└── code="retrieval_unavailable"                          transient: the knowledge base did not answer
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from agents.settings import ModelSettings
from rag.model import Hit as Hit  # noqa: PLC0414  re-exported: agents speak of hits, retrieval defines them

Json = Any


class Contract(BaseModel):
    model_config = ConfigDict(extra="ignore")


class KnowledgeUse(Contract):
    """A collection that the agent may search, and how many passages a search returns."""

    collection: str
    top_k: int = 4
    filter: dict[str, Json] | None = None


class Feedback(Contract):
    """Why an earlier answer was not accepted. ``source`` tells whether a rule or a person said so."""

    source: Literal["rule", "person"]
    messages: tuple[str, ...]
    previous: dict[str, Json]


class Example(Contract):
    """An approved decision on a similar case: what was asked, and the fields that were approved."""

    prompt: str
    fields: dict[str, Json]


class PlannedTool(Contract):
    """A tool that the YAML names. A tool with ``effect: write`` is only ever proposed."""

    name: str
    type: str
    description: str = ""
    effect: Literal["read", "write"] = "read"
    parameters: dict[str, Json]
    properties: dict[str, Json] = Field(default_factory=dict)


class ToolVerdict(Contract):
    """What people decided about a proposed call; the loop goes on with it as that call's result."""

    tool_call_id: str
    verdict: Literal["approved", "edited", "rejected"]
    result: Json = None
    message: str = ""


class AgentRequest(Contract):
    """One agent step. ``output_schema`` is a JSON Schema (``type: object``); ``prompt`` is data, never a template.

    ``scope_key`` names the execution, task path and item for the journal; ``op_id`` is equal on every retry.
    """

    namespace: str
    op_id: str
    scope_key: str
    model: str = "default"
    instructions: str = ""
    prompt: str
    knowledge: tuple[KnowledgeUse, ...] = ()
    tools: tuple[PlannedTool, ...] = ()
    verdicts: tuple[ToolVerdict, ...] = ()
    output_schema: dict[str, Json]
    feedback: tuple[Feedback, ...] = ()
    examples: tuple[Example, ...] = ()
    redact: tuple[str, ...] = ()
    max_steps: int = 8
    samples: int = 1
    temperature: float | None = None


class Citation(Contract):
    """A passage the answer rests on. ``quote`` is a verbatim part of the chunk; ``score`` is the fused rank score."""

    collection: str
    document: str
    chunk: str
    score: float
    quote: str


class Confidence(Contract):
    """``value`` 0..1 and how it was computed. Never what the model says of itself."""

    value: float
    method: Literal["agreement", "match_margin", "none"]
    label: str


class Usage(Contract):
    """Tokens and money. ``usd`` is ``None`` when the model's price is unknown: unknown is not zero."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0


class Generator(Contract):
    """Who answered: provider and model as used, and whether it is a language model at all."""

    provider: str
    model: str
    is_llm: bool


class ProposedCall(Contract):
    tool_call_id: str
    tool: str
    arguments: dict[str, Json]


class AgentReply(Contract):
    """``value`` fits ``output_schema``; or ``proposals`` is not empty and the loop waits for verdicts."""

    value: dict[str, Json]
    confidence: Confidence
    stated_confidence: float | None = None
    citations: tuple[Citation, ...] = ()
    usage: Usage = Usage()
    generator: Generator
    proposals: tuple[ProposedCall, ...] = ()
    steps: int = 1


class AgentError(Exception):
    """See the tree in the module's docstring. ``remedy`` says what the reader can do."""

    def __init__(
        self, message: str, *, code: str, permanent: bool, remedy: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.permanent = permanent
        self.remedy = remedy
        self.retry_after_s = retry_after_s


class Operation(Contract):
    """One call about to be made. ``key`` is ``op_id:request_hash:n`` for models, ``op_id:tool_call_id`` for tools."""

    key: str
    op_id: str
    kind: Literal["llm", "tool", "retrieval", "embedding"]
    request_hash: str
    request: Json
    meta: dict[str, Json] = Field(default_factory=dict)


class Recorder(Protocol):
    """The operation journal as agents see it: write-ahead, and answers are looked up before a call is made."""

    async def begin(self, operation: Operation) -> Json | None:
        """Return the recorded answer, or record the request durably and return ``None`` (then make the call).

        A request found without an answer is journalled as ``llm.unknown_outcome`` and the call goes out once more.
        """
        ...

    async def finish(self, operation: Operation, answer: Json, usage: Usage | None = None) -> None:
        """Record the answer durably. Returns before the answer is used."""
        ...

    async def fail(self, operation: Operation, error: str, code: str) -> None:
        """Record that the call failed with a known outcome (no answer exists)."""
        ...

    async def note(self, kind: str, meta: Mapping[str, Json], content: Json) -> None:
        """Record something that is not a call: a divergence, a redaction, a refusal."""
        ...


@runtime_checkable
class PositionIndex(Protocol):
    """A recorder that also knows what was asked at each place of an earlier run, to notice divergences."""

    async def recorded_hash(self, op_id: str, position: str) -> str | None:
        """The request hash whose operation carried ``meta.position`` equal to ``position``, or ``None``."""
        ...


class Retriever(Protocol):
    """Hybrid search in one namespace."""

    async def search(
        self, namespace: str, collection: str, query: str, *, top_k: int, filter: Mapping[str, Json] | None = None
    ) -> Sequence[Hit]: ...


ToolRunner = Callable[[PlannedTool, dict[str, Json]], Any]
"""Runs a read tool: awaited with the tool and its validated arguments, returns JSON."""


@dataclass(frozen=True, slots=True)
class AgentDeps:
    """What the runner needs: journal, knowledge, read tools, and a heartbeat to call while it waits.

    ``models`` says what the aliases mean here; left out, only the offline model exists.
    """

    recorder: Recorder
    retriever: Retriever
    run_tool: ToolRunner
    heartbeat: Callable[[object], None]
    models: ModelSettings = field(default_factory=ModelSettings)
