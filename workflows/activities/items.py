"""``items.load`` and ``items.store``: lists that are too large to travel in a history."""

from __future__ import annotations

from typing import Any

from temporalio import activity

from connectors.base import ArtifactRef
from workflows.activities.deps import Deps
from workflows.contracts import ITEMS_LOAD, ITEMS_STORE, ItemsIn, ItemsOut, StepOut, StoreIn

Json = Any
EVERYTHING = 10_000_000


class ItemActivities:
    """Slices of stored lists, as local activities."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @activity.defn(name=ITEMS_LOAD)
    async def load(self, given: ItemsIn) -> ItemsOut:
        """Return elements ``start``..``stop`` and how many there are in all."""
        artifacts = self._deps.artifacts(given.where.namespace)
        ref = given.ref if isinstance(given.ref, str) else ArtifactRef.model_validate(given.ref)
        stop = given.stop if given.stop is not None else EVERYTHING
        items = list(await artifacts.slice_rows(ref, given.start, stop))
        total = ref.count if isinstance(ref, ArtifactRef) and ref.count is not None else None
        if total is None:
            total = len(await artifacts.slice_rows(ref, 0, EVERYTHING))
        return ItemsOut(items=items, total=total)

    @activity.defn(name=ITEMS_STORE)
    async def store(self, given: StoreIn) -> StepOut:
        """Store a list and return its reference."""
        ref = await self._deps.artifacts(given.where.namespace).put_rows(given.items)
        return StepOut(output=ref.model_dump(mode="json"))
