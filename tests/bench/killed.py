"""How soon work goes on when the only worker is killed and started again at once."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from tests.bench.contenders import Product
from tests.bench.load import Samples, at, ended
from tests.bench.stack import Stack
from workflows.contracts import AGENT_RUN, CONNECTOR_CALL, QUEUE

Json = Any
LOOK_S = 0.01


async def measure(stack: Stack, *, times: int) -> Json:
    """Seconds until the first step of a new flow, and of one that waited in the dead worker's memory.

    Each from the kill, from the start of the new process, and from the moment it asked for work.
    """
    product = Product(stack)
    await product.open()
    found = {f"{what}_from_{since}_s": Samples() for what in ("new", "waiting") for since in ("kill", "start", "ready")}
    ready = Samples()
    for number in range(times):
        kill, start, up, new, waiting = await _once(stack, product, f"killed-{number}")
        ready.values.append(up - start)
        for what, done in (("new", new), ("waiting", waiting)):
            for since, moment in (("kill", kill), ("start", start), ("ready", up)):
                found[f"{what}_from_{since}_s"].values.append(done - moment)
    await product.close()
    return {"worker_start_s": ready.shown()} | {name: one.shown() for name, one in found.items()}


async def _once(stack: Stack, product: Product, sheet: str) -> tuple[float, float, float, float, float]:
    worker = stack.processes["worker"]
    parked = await product.start(sheet)
    await product.waiting(parked)
    seen = await product.look(parked)
    await asyncio.sleep(1)
    killed = time.time()
    worker.kill()
    worker.launch()
    fresh = await product.start(sheet)
    await product.approve(parked, seen)
    up = await _polls(stack)
    await product.waiting(fresh)
    await product.approve(fresh, await product.look(fresh))
    await asyncio.gather(ended(product.client, parked), ended(product.client, fresh))
    answered, written = await _done(product, fresh, AGENT_RUN), await _done(product, parked, CONNECTOR_CALL)
    return killed, worker.started, up, answered, written


async def _polls(stack: Stack) -> float:
    """When the new process first asked for work. (An old poller is remembered for minutes; it has another pid.)"""
    sign = f"{stack.processes['worker'].usage.pid}@"
    request = DescribeTaskQueueRequest(
        namespace="default",
        task_queue=TaskQueue(name=QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    async with asyncio.timeout(30):
        while True:
            answer = await stack.plain.workflow_service.describe_task_queue(request)
            if any(poller.identity.startswith(sign) for poller in answer.pollers):
                return time.time()
            await asyncio.sleep(LOOK_S)


async def _done(product: Product, workflow_id: str, activity: str) -> float:
    """When the server learnt that the workflow's activity was done, whether it ran beside the workflow or not."""
    scheduled: set[int] = set()
    for event in (await product.client.get_workflow_handle(workflow_id).fetch_history()).events:
        if event.activity_task_scheduled_event_attributes.activity_type.name == activity:
            scheduled.add(event.event_id)
        if event.activity_task_completed_event_attributes.scheduled_event_id in scheduled or _ran_beside(
            event, activity
        ):
            return at(event)
    raise AssertionError(f"{activity} is not done in {workflow_id}")


def _ran_beside(event: Any, activity: str) -> bool:
    data = event.marker_recorded_event_attributes.details
    return "data" in data and json.loads(data["data"].payloads[0].data)["activity_type"] == activity
