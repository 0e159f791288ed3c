"""The yardstick's worker: ``python -m tests.bench.handwritten_worker constant|agent ADDRESS FOLDER``.

``constant`` answers with a constant and appends a line. ``agent`` runs the same LangChain agent with a journal in memory
and writes with the same connector as the product. Both get the product's settings of the worker.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from tests.bench.handwritten import QUEUE, Handwritten
from workflows.runner import PASSED_THROUGH
from workflows.settings import Settings

Json = Any
INSTRUCTIONS = "Read the order and repeat its amount with a note."
SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {"amount": {"type": "number"}, "note": {"type": "string", "maxLength": 200}},
    "required": ["amount", "note"],
    "additionalProperties": False,
}
COLUMNS = ["order_id", "amount", "note"]


class Memory:
    """A journal that forgets everything with its process."""

    async def begin(self, operation: Any) -> Json | None:
        return None

    async def finish(self, operation: Any, answer: Json, usage: Any = None) -> None:
        return None

    async def fail(self, operation: Any, error: str, code: str) -> None:
        return None

    async def note(self, kind: str, meta: Json, content: Json) -> None:
        return None


class Nowhere:
    """A knowledge base that nobody asks."""

    async def search(self, *_: Any, **__: Any) -> list[Any]:
        return []


def constant(folder: Path) -> list[Any]:
    """A model that says the same each time, and a line appended to a file."""

    @activity.defn(name="suggest")
    async def suggest(order: dict[str, Json]) -> dict[str, Json]:
        return {"amount": order["amount"], "note": "as ordered"}

    @activity.defn(name="write")
    async def write(given: dict[str, Json]) -> dict[str, Json]:
        with (folder / given["sheet"]).open("a") as file:
            file.write(",".join(map(str, given["row"])) + "\n")
        return {"rows_written": 1}

    return [suggest, write]


def agent(folder: Path) -> list[Any]:
    """The product's agent and connector, called directly."""
    from agents.contracts import AgentDeps, AgentRequest
    from agents.runner import run_agent
    from connectors.artifacts import LocalArtifacts
    from connectors.base import Call
    from connectors.csv_write import CsvWriteProperties
    from connectors.csv_write import write as write_csv
    from workflows.gates.digest import canonical

    artifacts = LocalArtifacts(folder / "artifacts", "bench")

    async def no_tool(*_: Any) -> None:
        raise AssertionError("the agent has no tools")

    @activity.defn(name="suggest")
    async def suggest(order: dict[str, Json]) -> dict[str, Json]:
        op = activity.info().workflow_id
        request = AgentRequest(
            namespace="bench",
            op_id=op,
            scope_key=op,
            instructions=INSTRUCTIONS,
            prompt=canonical(order),
            output_schema=SCHEMA,
        )
        deps = AgentDeps(Memory(), Nowhere(), no_tool, activity.heartbeat)  # type: ignore[arg-type]
        return dict((await run_agent(request, deps)).value)

    @activity.defn(name="write")
    async def write(given: dict[str, Json]) -> dict[str, Json]:
        call = Call("bench", activity.info().workflow_id, 1, folder, artifacts)
        properties = CsvWriteProperties(path=given["sheet"], rows=[given["row"]], mode="append", columns=COLUMNS)
        return (await write_csv(call, properties)).model_dump(mode="json")

    return [suggest, write]


async def main(kind: str, address: str, folder: Path) -> None:
    settings = Settings()
    worker = Worker(
        await Client.connect(address),
        task_queue=QUEUE + kind,
        workflows=[Handwritten],
        activities={"constant": constant, "agent": agent}[kind](folder),
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
        ),
        max_concurrent_activities=settings.worker_concurrency,
        max_cached_workflows=settings.max_cached_workflows,
        sticky_queue_schedule_to_start_timeout=settings.sticky_timeout,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: asyncio.ensure_future(worker.shutdown()))
    await worker.run()


if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
