"""What retrieval speaks of: hits, chunks, reports, identities and errors. Imports nothing heavy.

Errors
------
KnowledgeError              retrieval or ingestion cannot do what was asked; ``remedy`` says what to do
├── KnowledgeUnavailable    the vector store or the embeddings provider did not answer (``permanent=False``)
├── UnknownCollection       nothing was ever ingested under that name in that namespace
├── EmbeddingMismatch       the collection was built with other embeddings than those configured now
├── EmbeddingsRefused       the embeddings provider said no, or its model files are not what they should be
├── BadQuery                query, name, filter or number of results outside what is allowed
└── UnreadableDocument      a file that cannot be read; the message names file and line
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Json = Any
Scalar = str | int | float | bool


class Hit(BaseModel):
    """One retrieved passage. ``document`` is its source's name, ``chunk`` its id, ``heading`` its section.

    ``text`` is verbatim from the document. ``score`` is the fused rank score, 0 < score <= 1; 1 means first in
    every ranking. ``sha256`` is of ``text``.
    """

    model_config = ConfigDict(extra="ignore")

    collection: str
    document: str
    chunk: str
    score: float
    text: str
    heading: str = ""
    sha256: str = ""
    metadata: dict[str, Json] = Field(default_factory=dict)


class EmbeddingIdentity(BaseModel):
    """Which embeddings these are. Two vectors may be compared only if their identities are equal.

    ``sha256`` is of the model's weights where they are ours to read, else of the configuration that names them.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    dimension: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.dimension} dimensions, sha256 {self.sha256[:8]})"


class CollectionInfo(BaseModel):
    """A knowledge base as its users see it. ``documents`` is ``None`` where only ``describe`` would count them."""

    namespace: str
    collection: str
    chunks: int
    documents: int | None = None
    embedding: EmbeddingIdentity
    updated_at: str = ""


class IngestReport(BaseModel):
    """What an ingestion did. ``added``, ``updated``, ``unchanged`` and ``removed`` count documents.

    ``chunks`` is how many the read documents have, ``embedded`` how many of them were new, ``skipped`` names files in
    folders that no reader knows, ``note`` says which embeddings were used when it is not the best available.
    """

    documents: int = 0
    chunks: int = 0
    embedded: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    seconds: float = 0.0
    skipped: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a CSV or JSONL document: its own title, its text and its scalar fields."""

    title: str
    text: str
    metadata: dict[str, Scalar]


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document as read. Either ``text`` (Markdown or plain, see ``markdown``) or ``records``, never both."""

    source: str
    title: str
    text: str = ""
    markdown: bool = False
    records: tuple[Record, ...] = ()
    metadata: dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage to be indexed. ``body`` is verbatim; ``heading`` is title and heading trail, searched with it."""

    id: str
    document: str
    heading: str
    body: str
    metadata: dict[str, Scalar]

    @property
    def indexed_text(self) -> str:
        return f"{self.heading}\n{self.body}" if self.heading else self.body


class KnowledgeError(Exception):
    """See the tree in the module's docstring."""

    code = "knowledge_error"
    permanent = True

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.remedy}" if self.remedy else message


class KnowledgeUnavailable(KnowledgeError):
    code = "retrieval_unavailable"
    permanent = False


class UnknownCollection(KnowledgeError):
    code = "unknown_collection"


class EmbeddingMismatch(KnowledgeError):
    code = "embedding_mismatch"


class EmbeddingsRefused(KnowledgeError):
    code = "embeddings_refused"


class BadQuery(KnowledgeError):
    code = "bad_query"


class UnreadableDocument(KnowledgeError):
    code = "unreadable_document"
