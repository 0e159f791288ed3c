"""Records the histories that ``test_replay`` replays: ``python -m tests.workflows.interpreter.record_histories NAME...``.

Run by hand, with the names of new shapes: a history that is there is a promise to runs under way, and stays.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.temporal import TemporalServer
from tests.workflows.interpreter.stage import Stage, build
from tests.workflows.interpreter.test_gates import FLOW
from tests.workflows.interpreter.test_loops import GATES, rows, sums
from tests.workflows.interpreter.test_quick import BAD
from workflows.contracts import Limits
from workflows.store import migrate
from workflows.worker import running

FOLDER = Path(__file__).parent / "histories"


async def _save(name: str, handle: Any) -> None:
    FOLDER.mkdir(exist_ok=True)
    history = (await handle.fetch_history()).to_json_dict()
    (FOLDER / f"{name}.json").write_text(json.dumps({"workflow_id": handle.id, "history": history}))


async def _gates(stage: Stage) -> None:
    decisions: dict[str, tuple[str, dict[str, Any]]] = {
        "approved": ("approve", {}),
        "edited": ("edit", {"fields": {"risk": "high"}}),
        "rejected": ("reject", {"reason_code": "wrong"}),
    }
    for name, (action, more) in decisions.items():
        handle = await stage.start(FLOW, {"amount": 12})
        await stage.answer((await stage.open_gates(handle.id))[0], action, **more)
        await stage.ended(handle)
        await _save(name, handle)


async def _changes(stage: Stage) -> None:
    handle = await stage.start(FLOW, {"amount": 12})
    [gate] = await stage.open_gates(handle.id)
    await stage.answer(gate, "request_changes", comment="Look again.")
    again = await stage.until(lambda: [g for g in stage.gates(handle.id) if g.revision > gate.revision])
    await stage.answer(again[0])
    await stage.ended(handle)
    await _save("changes", handle)


async def _cancelled(stage: Stage) -> None:
    handle = await stage.start(FLOW, {"amount": 12})
    await stage.open_gates(handle.id)
    await stage.gateway.cancel(handle.id)
    await stage.ended(handle)
    await _save("cancelled", handle)


async def _loops(stage: Stage) -> None:
    for name, limits in {"loop": Limits(), "afresh": Limits(history_events=60)}.items():
        handle = await stage.start(GATES.replace("sheet.csv", "rows.csv"), rows(6), limits=limits)
        for gate in await stage.open_gates(handle.id, 6):
            await stage.answer(gate)
        await stage.ended(handle)
        await _save(name, handle)
    handle = await stage.start(sums(concurrency=1, on_failure="fail"), rows(6))
    await stage.ended(handle)
    await _save("failed", handle)
    handle = await stage.start(sums(concurrency=2), rows(9), limits=Limits(chunk_items=4))
    await stage.ended(handle)
    await _save("chunk", handle)
    await _save("chunk-child", stage.client.get_workflow_handle(f"{handle.id}/each/chunk#0"))


async def _quick(stage: Stage) -> None:
    """Steps beside the workflow: an agent that answers at once, a write, a write that fails for good."""
    instant = Limits(instant_models=("default",))
    handle = await stage.start(FLOW, {"amount": 12}, limits=instant)
    await stage.answer((await stage.open_gates(handle.id))[0])
    await stage.ended(handle)
    await _save("quick", handle)
    handle = await stage.start(BAD, limits=instant)
    await stage.ended(handle)
    await _save("quick-failed", handle)


SHAPES = {"gates": _gates, "changes": _changes, "cancelled": _cancelled, "loops": _loops, "quick": _quick}


async def main(names: list[str]) -> None:
    server = TemporalServer()
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/visto.db"
        migrate.upgrade(database)
        stage = await build(server.address, database, Path(folder))
        async with running(stage.client, stage.deps):
            for name in names:
                await SHAPES[name](stage)
        await stage.deps.knowledge.close()
        stage.db.close()
    server.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
