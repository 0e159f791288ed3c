"""``rag.search`` and ``rag.ingest`` as steps of a flow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from temporalio import activity

from agents.contracts import Operation
from connectors.base import ConnectorError
from workflows.activities.deps import Deps, digest
from workflows.contracts import RAG_INGEST, RAG_SEARCH, StepOut, TaskIn

Json = Any


class RetrievalActivities:
    """Knowledge as a task type."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @activity.defn(name=RAG_SEARCH)
    async def search(self, given: TaskIn) -> StepOut:
        """Return ``hits``, the best first; what was found is journalled with its scores."""
        properties = given.properties
        operation = Operation(
            key=f"{given.op_id}:search",
            op_id=given.op_id,
            kind="retrieval",
            request_hash=digest(properties),
            request=properties,
            meta={"collection": properties["collection"]},
        )
        recorder = self._deps.recorder(given.where)
        known = await recorder.begin(operation)
        if known is not None:
            return StepOut(output=known)
        hits = await self._deps.knowledge.search(
            given.where.namespace,
            properties["collection"],
            str(properties["query"]),
            top_k=int(properties.get("top_k", 4)),
            filter=properties.get("filter"),
        )
        answer = {"hits": [hit.model_dump(mode="json") for hit in hits]}
        await recorder.finish(operation, answer)
        return StepOut(output=answer)

    @activity.defn(name=RAG_INGEST)
    async def ingest(self, given: TaskIn) -> StepOut:
        """Read files under the files root into a collection. Repeating it changes nothing: chunks go by content."""
        properties = given.properties
        root = self._deps.files(given.where.namespace)
        paths = [root / _relative(path) for path in _paths(properties["from"])]
        report = await self._deps.knowledge.ingest(
            given.where.namespace, properties["collection"], paths, root=root, progress=activity.heartbeat
        )
        made = report.model_dump(mode="json")
        await self._deps.recorder(given.where).note(
            "knowledge.ingested", {"collection": properties["collection"], "op_id": given.op_id}, made
        )
        return StepOut(output={**made, "deleted": report.removed})


def _paths(given: Json) -> list[str]:
    return [str(path) for path in given] if isinstance(given, list) else [str(given)]


def _relative(path: str) -> Path:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ConnectorError(
            f"{path!r} is outside the files folder.",
            code="forbidden",
            permanent=True,
            remedy="Name a file or folder below it.",
        )
    return Path(path)
