"""Collections in Chroma: one per namespace and knowledge base, its name ours, its embeddings pinned."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rag.chroma import Chroma
from rag.filters import DOCUMENT, NAMESPACE, RESERVED, Where, scoped
from rag.model import BadQuery, CollectionInfo, EmbeddingIdentity, EmbeddingMismatch, UnknownCollection

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

PAGE = 2000
"""Rows per request when a whole collection is read."""

_COLLECTION, _VERSION, _OPEN, _UPDATED = (f"{RESERVED}{key}" for key in ("collection", "version", "open", "updated_at"))
_EMBEDDING = f"{RESERVED}embedding_"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,127}", re.ASCII)
# Chroma's defaults lose passages that are much alike (rows of one template: 21 of 50 were not found by their own text);
# 64 neighbours find them. An ef_search of 300 keeps recall above 0.95 at 100,000 passages.
_CONFIGURATION = {"hnsw": {"space": "cosine", "max_neighbors": 64, "ef_construction": 300, "ef_search": 300}}


def store_name(namespace: str, collection: str) -> str:
    """Chroma's name of a knowledge base: 54 characters that no choice of names can make collide or escape."""
    for what, name in (("namespace", namespace), ("collection", collection)):
        if not _NAME.fullmatch(name):
            raise BadQuery(
                f"{name!r} is not a name for a {what}.",
                remedy="Use letters, digits, '.', '-' and '_', beginning with a letter or digit, at most 128.",
            )
    return "visto-" + hashlib.sha256(json.dumps([namespace, collection]).encode()).hexdigest()[:48]


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    """An opened collection, for use within the session that opened it."""

    namespace: str
    collection: str
    store: Collection

    @property
    def cache_key(self) -> str:
        """Equal as long as the content is: changes with every ingestion, and with every row while one is open."""
        metadata = self._metadata
        rows = self.store.count() if metadata.get(_OPEN) else ""
        return f"{self.store.id}:{metadata.get(_VERSION)}:{rows}"

    @property
    def identity(self) -> EmbeddingIdentity:
        return EmbeddingIdentity(**{key: self._metadata[_EMBEDDING + key] for key in EmbeddingIdentity.model_fields})

    @property
    def is_open(self) -> bool:
        """Whether an ingestion is under way, or died."""
        return bool(self._metadata.get(_OPEN))

    def info(self, documents: int | None = None) -> CollectionInfo:
        return CollectionInfo(
            namespace=self.namespace,
            collection=self.collection,
            chunks=self.store.count(),
            documents=documents,
            embedding=self.identity,
            updated_at=str(self._metadata.get(_UPDATED, "")),
        )

    def mark(self, open_token: str) -> None:
        """Make every cache of this collection stale; an ingestion is open as long as ``open_token`` is not empty."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.store.modify(metadata={**self._metadata, _VERSION: uuid4().hex, _OPEN: open_token, _UPDATED: now})

    def close(self, token: str) -> None:
        """End the ingestion ``token`` (empty for none); one that another process opened meanwhile stays open."""
        current = str(self._metadata.get(_OPEN, ""))
        self.mark("" if current == token else current)

    def get(self, *, ids: Sequence[str] | None = None, where: Where | None = None, include: Sequence[str]) -> Any:
        """Rows of this namespace only, whatever ``ids`` or ``where`` ask."""
        own = {NAMESPACE: {"$eq": self.namespace}}
        condition = {"$and": [own, where]} if where else own
        return self.store.get(ids=list(ids) if ids is not None else None, where=condition, include=list(include))

    def pages(self, include: Sequence[str]) -> Iterator[Any]:
        """All rows of this namespace, ``PAGE`` at a time."""
        offset = 0
        while True:
            page = self.store.get(
                where=scoped(self.namespace, None),
                limit=PAGE,
                offset=offset,
                include=list(include),
            )
            if page["ids"]:
                yield page
            if len(page["ids"]) < PAGE:
                return
            offset += PAGE

    def documents(self) -> set[str]:
        """Names of all documents."""
        return {str(row[DOCUMENT]) for page in self.pages(["metadatas"]) for row in page["metadatas"]}

    @property
    def _metadata(self) -> Mapping[str, Any]:
        return self.store.metadata or {}


class Index:
    """Opens, creates and lists the knowledge bases of a namespace. Blocks: call it in a thread."""

    def __init__(self, chroma: Chroma) -> None:
        self._chroma = chroma

    @contextmanager
    def open(self, namespace: str, collection: str, identity: EmbeddingIdentity | None) -> Iterator[KnowledgeBase]:
        """An existing collection. With ``identity`` (needed wherever vectors meet) a mismatch is refused.

        Raises ``UnknownCollection``, ``EmbeddingMismatch``, ``KnowledgeUnavailable``.
        """
        name = store_name(namespace, collection)
        with self._chroma.session() as client:
            store = _find(client, name)
            if store is None:
                raise UnknownCollection(
                    f"There is no knowledge base {collection!r} in namespace {namespace!r}.",
                    remedy=f"Make it: visto rag ingest PATH --collection {collection}",
                )
            yield _checked(KnowledgeBase(namespace, collection, store), identity)

    @contextmanager
    def open_or_create(self, namespace: str, collection: str, identity: EmbeddingIdentity) -> Iterator[KnowledgeBase]:
        """The collection, made with this embedding identity if it does not exist yet."""
        name = store_name(namespace, collection)
        with self._chroma.session() as client:
            store = _find(client, name) or _create(client, name, namespace, collection, identity)
            yield _checked(KnowledgeBase(namespace, collection, store), identity)

    def reread(self, base: KnowledgeBase) -> KnowledgeBase:
        """The same collection with its metadata as it is now."""
        with self.open(base.namespace, base.collection, None) as fresh:
            return fresh

    def list(self, namespace: str) -> list[CollectionInfo]:
        """The namespace's collections by name; others are not even opened."""
        with self._chroma.session() as client:
            found: list[CollectionInfo] = []
            offset = 0
            while page := client.list_collections(limit=PAGE, offset=offset):
                for store in page:
                    metadata = store.metadata or {}
                    if metadata.get(NAMESPACE) == namespace:
                        found.append(KnowledgeBase(namespace, str(metadata[_COLLECTION]), store).info())
                offset += len(page)
            return sorted(found, key=lambda info: info.collection)

    def drop(self, namespace: str, collection: str) -> bool:
        """Delete a collection with all it holds. ``False`` if there was none."""
        name = store_name(namespace, collection)
        with self._chroma.session() as client:
            if _find(client, name) is None:
                return False
            client.delete_collection(name)
            return True


def _find(client: ClientAPI, name: str) -> Collection | None:
    from chromadb.errors import NotFoundError

    try:
        return client.get_collection(name, embedding_function=None)
    except NotFoundError:
        return None


def _create(client: ClientAPI, name: str, namespace: str, collection: str, identity: EmbeddingIdentity) -> Collection:
    from chromadb.errors import ChromaError

    pinned = {_EMBEDDING + key: value for key, value in identity.model_dump().items()}
    metadata = {NAMESPACE: namespace, _COLLECTION: collection, _VERSION: uuid4().hex, _OPEN: "", **pinned}
    try:
        return client.create_collection(
            name,
            metadata=metadata,
            configuration=_CONFIGURATION,
            embedding_function=None,
        )
    except ChromaError:
        # Somebody else made it in the same moment: theirs counts, and its identity is checked like any other.
        if (store := _find(client, name)) is None:
            raise
        return store


def _checked(base: KnowledgeBase, identity: EmbeddingIdentity | None) -> KnowledgeBase:
    if identity is not None and base.identity != identity:
        raise EmbeddingMismatch(
            f"The knowledge base {base.collection!r} was built with {base.identity}, but {identity} is in use.",
            remedy="Configure the embeddings it was built with (VISTO_EMBEDDINGS), or ingest all its documents again"
            " with --rebuild.",
        )
    return base
