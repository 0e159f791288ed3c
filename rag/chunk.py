"""Documents to passages: Markdown by heading, other text in overlapping windows of sentences, records one by one."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from rag.model import Chunk, SourceDocument
from rag.words import sentences, words

if TYPE_CHECKING:
    from llama_index.core.ingestion import IngestionPipeline

CHUNK_WORDS, OVERLAP_WORDS = 160, 30
"""Size and overlap of a passage. 160 words stay below the 256 word pieces that the local model reads."""

CHUNKER = f"1:{CHUNK_WORDS}:{OVERLAP_WORDS}"
"""Changes whenever the same document would be cut otherwise, so that everything is then indexed again."""

TRAIL = " > "
_HEADER_SEPARATOR = "\x1f"


def document_hash(document: SourceDocument) -> str:
    """SHA-256 over everything that decides the passages of a document, and over how they are cut."""
    rows = [[record.title, record.text, record.metadata] for record in document.records]
    parts: list[Any] = [CHUNKER, document.title, document.text, document.markdown, rows, document.metadata]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def chunk_id(namespace: str, collection: str, source: str, heading: str, body: str, occurrence: int) -> str:
    """Stable id of a passage; ``occurrence`` tells equal passages of one document apart."""
    parts = json.dumps([namespace, collection, source, heading, body, occurrence])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def split(namespace: str, collection: str, document: SourceDocument) -> list[Chunk]:
    """All passages of a document, in order. An empty document has none."""
    seen: Counter[tuple[str, str]] = Counter()
    chunks = []
    for heading, body, metadata in _passages(document):
        occurrence = seen[heading, body]
        seen[heading, body] += 1
        identifier = chunk_id(namespace, collection, document.source, heading, body, occurrence)
        chunks.append(Chunk(identifier, document.source, heading, body, {**document.metadata, **metadata}))
    return chunks


def _passages(document: SourceDocument) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for record in document.records:
        heading = _trail(document.title, [record.title])
        for body in _windows(record.text):
            yield heading, body, record.metadata
    if document.markdown:
        for trail, section in _sections(document.text):
            for body in _windows(section):
                yield _trail(document.title, trail), body, {}
    else:
        for body in _windows(document.text):
            yield document.title, body, {}


def _trail(title: str, headings: list[str]) -> str:
    parts = [part.strip() for part in (title, *headings) if part.strip()]
    return TRAIL.join(part for index, part in enumerate(parts) if index == 0 or part != parts[index - 1])


def _sections(text: str) -> Iterator[tuple[list[str], str]]:
    """Each section's heading trail, its own heading included, and its text without the heading."""
    from llama_index.core.schema import Document

    for node in _pipeline(markdown=True).run(documents=[Document(text=text)]):
        trail = [part for part in node.metadata["header_path"].split(_HEADER_SEPARATOR) if part]
        first, _, rest = node.get_content().partition("\n")
        if first.startswith("#") and first.lstrip("#")[:1].isspace():
            yield [*trail, first.lstrip("#").strip().rstrip("#").strip()], rest
        else:
            yield trail, node.get_content()


def _windows(text: str) -> list[str]:
    from llama_index.core.schema import Document

    if not text.strip():
        return []
    if len(text) <= CHUNK_WORDS:  # a word has at least one character
        return [text.strip()]
    nodes = _pipeline(markdown=False).run(documents=[Document(text=text)])
    return [body for node in nodes if (body := node.get_content().strip())]


@cache
def _pipeline(*, markdown: bool) -> IngestionPipeline:
    """LlamaIndex's splitters with our words and sentences: its own would download theirs."""
    from llama_index.core.ingestion import IngestionPipeline
    from llama_index.core.node_parser import MarkdownNodeParser, SentenceSplitter

    splitter = (
        MarkdownNodeParser(header_path_separator=_HEADER_SEPARATOR)
        if markdown
        else SentenceSplitter(
            chunk_size=CHUNK_WORDS,
            chunk_overlap=OVERLAP_WORDS,
            tokenizer=words,
            chunking_tokenizer_fn=sentences,
            paragraph_separator="\n\n",
            include_metadata=False,
            include_prev_next_rel=False,
        )
    )
    return IngestionPipeline(transformations=[splitter], disable_cache=True)
