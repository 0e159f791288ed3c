"""AI tasks: their property and output models, and their rows for the catalog of task types."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workflows.flow.model.base import Json, Part, RawTask, Template
from workflows.flow.model.fields import AnyField
from workflows.flow.tasktype import TaskType

Redaction = Literal["email", "phone", "card", "iban", "ip", "url", "name", "id"]


class Knowledge(Part):
    """A collection the agent may search."""

    collection: str
    top_k: int = Field(default=4, ge=1, le=50)
    filter: dict[str, Template] | None = None


class Privacy(Part):
    """What is replaced by reversible tokens before a prompt leaves."""

    redact: list[Redaction] = Field(default_factory=list)


class Agent(Part):
    """Ask a model. Its answer has the fields of ``output`` and ``meta``."""

    model: str = "default"
    instructions: str = ""
    prompt: str
    knowledge: list[Knowledge] = Field(default_factory=list)
    tools: list[RawTask] = Field(default_factory=list)
    output: dict[str, AnyField] = Field(min_length=1)
    privacy: Privacy = Privacy()
    max_steps: int = Field(default=8, ge=1, le=50)
    samples: int = Field(default=1, ge=1, le=9)
    temperature: float | None = Field(default=None, ge=0, le=2)


class AgentToolCommon(Part):
    """The keys of every tool of an agent; the rest are properties of its type, fixed by the author."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    type: str
    description: str = ""
    parameters: dict[str, AnyField] = Field(default_factory=dict)


class RagSearch(Part):
    """Search a collection."""

    collection: str
    query: str
    top_k: int | str = 4
    filter: dict[str, Template] | None = None


class RagIngest(Part):
    """Read documents into a collection. ``from`` is a path, a list of paths, or a reference to rows or a file."""

    collection: str
    from_: Template = Field(alias="from")


class AiOutput(BaseModel):
    model_config = ConfigDict(extra="allow")


class AgentOutput(AiOutput):
    """The fields of the agent's ``output``, and ``meta``."""

    meta: dict[str, Json]


class SearchOutput(AiOutput):
    """``hits``: document, chunk, score, text, heading of each passage, the best first."""

    hits: list[dict[str, Json]]


class IngestOutput(AiOutput):
    """Counts of one ingestion."""

    documents: int
    chunks: int
    unchanged: int = 0
    deleted: int = 0


AI_TYPES: dict[str, TaskType] = {
    "agent": TaskType(
        name="agent",
        summary="Ask a model for an answer with typed fields",
        kind="agent",
        properties=Agent,
        output=AgentOutput,
        effect="none",
        queue="visto-ai",
    ),
    "rag.search": TaskType(
        name="rag.search",
        summary="Search a knowledge collection",
        kind="rag.search",
        properties=RagSearch,
        output=SearchOutput,
        effect="read",
        queue="visto-ai",
    ),
    "rag.ingest": TaskType(
        name="rag.ingest",
        summary="Read documents into a knowledge collection",
        kind="rag.ingest",
        properties=RagIngest,
        output=IngestOutput,
        effect="write",
        queue="visto-bulk",
    ),
}

AGENT_META = frozenset({"confidence", "stated_confidence", "citations", "usage", "generator", "steps"})
