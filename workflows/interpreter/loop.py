"""``foreach``: elements side by side, in this workflow when they are few, in child workflows when they are many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, is_cancelled_exception

from workflows.contracts import (
    CHUNK_WORKFLOW,
    ITEMS_LOAD,
    ITEMS_STORE,
    QUEUE,
    ChunkInput,
    ChunkResult,
    ItemsIn,
    ItemsOut,
    Json,
    Outcome,
    Reason,
    StepOut,
    StoreIn,
)
from workflows.flow import expr
from workflows.flow.planned import ForeachPlan, TaskPlan
from workflows.gates.digest import canonical
from workflows.interpreter import single
from workflows.interpreter.endings import Afresh, End, StepFailed
from workflows.interpreter.frame import Frame
from workflows.interpreter.pace import Slots
from workflows.interpreter.run import memo_key
from workflows.interpreter.steps import local_or_fail

URI = "artifact://"
RunList = Callable[[Frame, Sequence[TaskPlan]], Awaitable[End]]
"""Runs a list of tasks in a frame; handed in, because a list can hold a loop and a loop holds a list."""


@dataclass(slots=True)
class Elements:
    """The elements ``start``..``stop`` of a loop, and what became of them, in source order."""

    items: list[Json]
    run_list: RunList
    start: int = 0
    ends: dict[int, End] = field(default_factory=dict)
    stopped: bool = False


async def run_foreach(frame: Frame, task: TaskPlan, run_list: RunList) -> Outcome:
    """Run the loop and sum it up. An element that is rejected stops only itself."""
    plan = task.foreach
    assert plan is not None
    given = single.checked(frame, task, lambda: expr.render(plan.items, frame.scope()))
    total, items, ref = await _items(frame, task, given)
    if items is not None:
        chunks = [await run_elements(frame, task, Elements(items, run_list), plan.concurrency)]
    else:
        chunks = await _run_chunks(frame, task, total, given if isinstance(given, list) else None, ref)
    return await _summed_up(frame, task, plan, total, chunks)


async def _items(
    frame: Frame, task: TaskPlan, given: Json
) -> tuple[int, list[Json] | None, dict[str, Json] | str | None]:
    """How many elements there are; the elements themselves when they run here; where they are stored otherwise."""
    few = frame.run.given.limits.chunk_items
    if isinstance(given, list):
        return (len(given), given, None) if len(given) <= few else (len(given), None, None)
    ref = _reference(given)
    if ref is None:
        message = "`items` must be a list, or rows that were stored for their size."
        raise StepFailed(Reason(code="bad_items", message=message, task=frame.key_of(task.id)))
    key = frame.key_of(task.id)
    asked = ItemsIn(where=frame.where(task.id), ref=ref, stop=few)
    loaded = await local_or_fail(ITEMS_LOAD, asked, ItemsOut, key)
    return loaded.total, loaded.items if loaded.total <= few else None, ref


def _reference(value: Json) -> dict[str, Json] | str | None:
    if isinstance(value, dict) and str(value.get("uri", "")).startswith(URI):
        return value
    return value if isinstance(value, str) and value.startswith(URI) else None


# In this workflow ----------------------------------------------------------------------------------------------------


async def run_elements(frame: Frame, task: TaskPlan, elements: Elements, concurrency: int) -> ChunkResult:
    """Run elements side by side. At most ``concurrency`` work at once; any number may wait for people."""
    plan = task.foreach
    assert plan is not None
    rooms = (*frame.slots.rooms, asyncio.Semaphore(concurrency))
    frame.run.queued += len(elements.items)
    async with frame.waiting():
        ended = await asyncio.gather(
            *(_element(frame, task, elements, offset, Slots(rooms)) for offset in range(len(elements.items))),
            return_exceptions=True,
        )
    _raise_first(ended)
    return _collected(frame, task, elements)


async def _element(frame: Frame, task: TaskPlan, elements: Elements, offset: int, slots: Slots) -> None:
    index = elements.start + offset
    plan = task.foreach
    assert plan is not None
    try:
        await slots.acquire()
    finally:
        frame.run.queued -= 1
    inner = _element_frame(frame, task, elements.items[offset], index, slots)
    inner.begin()
    try:
        if elements.stopped:
            return
        end = await _run_element(inner, plan, elements.run_list)
        elements.ends[index] = end
        elements.stopped = elements.stopped or (end.state == "failed" and plan.on_failure == "fail")
    finally:
        slots.release()
        inner.pause()


def _raise_first(ended: Sequence[object]) -> None:
    """Raise what ended an element out of order: anything else before ``Afresh``, which everybody answers."""
    errors = [error for error in ended if isinstance(error, BaseException)]
    for error in errors:
        if not isinstance(error, Afresh):
            raise error
    if errors:
        raise errors[0]


def _element_frame(frame: Frame, task: TaskPlan, item: Json, index: int, slots: Slots) -> Frame:
    parent = {name: frame.names[name] for name in ("item", "index", "parent") if name in frame.names}
    return replace(
        frame,
        path=frame.path_of(task.id),
        item_key=f"{frame.item_key}.{index}" if frame.item_key else str(index),
        names={**frame.names, "item": item, "index": index, "parent": parent},
        outputs=dict(frame.outputs),
        slots=slots,
    )


async def _run_element(inner: Frame, plan: ForeachPlan, run_list: RunList) -> End:
    key = memo_key(inner.path, inner.item_key)
    known = inner.run.recall(key)
    if known is None:
        end = await run_list(inner, plan.tasks)
        known = Outcome(state=_state(end), output=inner.outputs.get(plan.result), reason=end.reason)
        inner.run.remember(key, known, whole=True)
    return End(known.state if known.state != "skipped" else "succeeded", known.reason, known)


def _state(end: End) -> Any:
    return "succeeded" if end.state == "stopped" else end.state


def _collected(frame: Frame, task: TaskPlan, elements: Elements) -> ChunkResult:
    made = ChunkResult()
    prefix = frame.path_of(task.id)
    for index, end in sorted(elements.ends.items()):
        item = elements.items[index - elements.start]
        why = end.reason.message if end.reason else ""
        if end.state == "failed":
            made.failed.append({"index": index, "item": item, "reason": why})
        elif end.state == "rejected":
            made.rejected.append({"index": index, "item": item, "reason": why})
        else:
            made.finished += 1
            made.warned = made.warned or end.state == "warning"
            made.results.append(_result(index, end.last.output if end.last else None))
    made.rerun = [key for key in frame.run.failed if key.startswith(prefix)]
    return made


def _result(index: int, output: Json) -> dict[str, Json]:
    if isinstance(output, dict):
        return {**output, "index": index}
    return {"index": index, "value": output}


# In child workflows --------------------------------------------------------------------------------------------------


async def _run_chunks(
    frame: Frame, task: TaskPlan, total: int, items: list[Json] | None, ref: dict[str, Json] | str | None
) -> list[ChunkResult]:
    plan = task.foreach
    assert plan is not None
    limits = frame.run.given.limits
    size = min(max(-(-total // plan.concurrency), limits.chunk_items), limits.chunk_items_max)
    starts = range(0, total, size)
    at_once = min(len(starts), plan.concurrency)
    room = asyncio.Semaphore(at_once)
    async with frame.waiting():
        made = await asyncio.gather(
            *(
                _chunk(frame, task, room, at_once, range(start, min(start + size, total)), items, ref)
                for start in starts
            ),
            return_exceptions=True,
        )
    _raise_first(made)
    return [chunk for chunk in made if isinstance(chunk, ChunkResult)]


async def _chunk(
    frame: Frame,
    task: TaskPlan,
    room: asyncio.Semaphore,
    at_once: int,
    span: range,
    items: list[Json] | None,
    ref: dict[str, Json] | str | None,
) -> ChunkResult:
    assert task.foreach is not None
    key = memo_key(f"{frame.path_of(task.id)}/chunk#{span.start}", frame.item_key)
    async with room:
        known = frame.run.recall(key)
        if known is not None:
            return ChunkResult.model_validate(known.output)
        frame.run.checkpoint()
        given = ChunkInput(
            run=frame.run.carried().model_copy(update={"done": {}, "failed": []}),
            task=task,
            path=frame.path,
            item_key=frame.item_key,
            names=frame.names,
            outputs=_used(task, frame.outputs),
            start=span.start,
            stop=span.stop,
            items=items[span.start : span.stop] if items is not None else None,
            items_ref=ref,
            concurrency=max(1, task.foreach.concurrency // at_once),
            siblings=at_once,
        )
        made = await _child(frame, given, key)
    frame.run.remember(key, Outcome(state="succeeded", output=made.model_dump(mode="json")))
    return made


def _used(task: TaskPlan, outputs: dict[str, Json]) -> dict[str, Json]:
    """Outputs whose task's name occurs anywhere in the loop: the others need not travel."""
    text = task.model_dump_json()
    return {name: value for name, value in outputs.items() if name in text}


async def _child(frame: Frame, given: ChunkInput, key: str) -> ChunkResult:
    try:
        made: ChunkResult = await workflow.execute_child_workflow(
            CHUNK_WORKFLOW,
            given,
            id=f"{frame.run.workflow_id}/{key}",
            task_queue=QUEUE,
            result_type=ChunkResult,
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        )
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            raise asyncio.CancelledError from error
        message = f"Elements {given.start} to {given.stop - 1} could not be run: {error.cause or error}."
        raise StepFailed(Reason(code="chunk_failed", message=message, task=key)) from error
    return made


# Summing up ----------------------------------------------------------------------------------------------------------


async def _summed_up(frame: Frame, task: TaskPlan, plan: ForeachPlan, total: int, chunks: list[ChunkResult]) -> Outcome:
    rerun = [name for chunk in chunks for name in chunk.rerun]
    frame.run.failed.extend(name for name in rerun if name not in frame.run.failed)
    rejected = [row for chunk in chunks for row in chunk.rejected]
    failed = [row for chunk in chunks for row in chunk.failed]
    key = frame.key_of(task.id)
    if failed and plan.on_failure == "fail":
        first = failed[0]
        more = f" ({len(failed)} elements failed)" if len(failed) > 1 else ""
        message = f"Element {first['index']} of `{task.id}` failed: {first['reason']}{more}"
        raise StepFailed(Reason(code="element_failed", message=message, task=f"{key}[{first['index']}]"), tuple(rerun))
    output = {
        "results": await _results(frame, task, chunks),
        "rejected": rejected,
        "failed": failed,
        "counts": {
            "total": total,
            "finished": sum(chunk.finished for chunk in chunks),
            "rejected": len(rejected),
            "failed": len(failed),
        },
    }
    warned = bool(failed) or any(chunk.warned for chunk in chunks)
    return Outcome(state="warning" if warned else "succeeded", output=output)


async def _results(frame: Frame, task: TaskPlan, chunks: list[ChunkResult]) -> Json:
    """One list in source order; an artifact reference when it is too large to carry."""
    results: list[Json] = []
    for chunk in chunks:
        if chunk.stored is None:
            results.extend(chunk.results)
        else:
            asked = ItemsIn(where=frame.where(task.id), ref=chunk.stored)
            results.extend((await local_or_fail(ITEMS_LOAD, asked, ItemsOut, frame.key_of(task.id))).items)
    if len(canonical(results)) <= frame.run.given.limits.inline_bytes:
        return results
    return await stored(frame, task, results)


async def stored(frame: Frame, task: TaskPlan, results: list[Json]) -> Json:
    """Put a list into the artifact store and return its reference."""
    given = StoreIn(where=frame.where(task.id), items=results)
    return (await local_or_fail(ITEMS_STORE, given, StepOut, frame.key_of(task.id))).output
