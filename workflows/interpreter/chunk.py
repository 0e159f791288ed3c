"""The workflow ``visto.chunk``: some elements of a ``foreach`` over many."""

from __future__ import annotations

from temporalio import workflow

from workflows.contracts import CHUNK_WORKFLOW, DOORBELL_SIGNAL, ITEMS_LOAD, ChunkInput, ChunkResult, ItemsIn, ItemsOut
from workflows.gates.digest import canonical
from workflows.interpreter.endings import Afresh
from workflows.interpreter.frame import Frame
from workflows.interpreter.loop import Elements, run_elements, stored
from workflows.interpreter.run import Run
from workflows.interpreter.steps import local_or_fail
from workflows.interpreter.tasks import run_list

RESULT_BYTES = 64 * 1024


@workflow.defn(name=CHUNK_WORKFLOW)
class Chunk:
    """Runs its elements exactly as the parent would; doorbells of their gates ring here."""

    @workflow.init
    def __init__(self, given: ChunkInput) -> None:
        self._run = Run(given.run, siblings=given.siblings)

    @workflow.signal(name=DOORBELL_SIGNAL)
    def ring(self, what: str) -> None:
        self._run.ring(what)

    @workflow.run
    async def run(self, given: ChunkInput) -> ChunkResult:
        """Return what the elements came to, their results stored when they are large."""
        frame = Frame(self._run, path=given.path, item_key=given.item_key, names=given.names, outputs=given.outputs)
        try:
            made = await self._elements(frame, given)
        except Afresh:
            workflow.continue_as_new(given.model_copy(update={"run": self._run.carried()}))
        if given.siblings > 1:
            await self._run.record_idle()
        if len(canonical(made.results)) <= RESULT_BYTES:
            return made
        return made.model_copy(update={"results": [], "stored": await stored(frame, given.task, made.results)})

    async def _elements(self, frame: Frame, given: ChunkInput) -> ChunkResult:
        items = await self._items(frame, given)
        frame.begin()
        try:
            return await run_elements(frame, given.task, Elements(items, run_list, given.start), given.concurrency)
        finally:
            await self._run.settle()

    async def _items(self, frame: Frame, given: ChunkInput) -> list[object]:
        if given.items is not None:
            return given.items
        assert given.items_ref is not None
        asked = ItemsIn(where=frame.where(given.task.id), ref=given.items_ref, start=given.start, stop=given.stop)
        return (await local_or_fail(ITEMS_LOAD, asked, ItemsOut, frame.key_of(given.task.id))).items
