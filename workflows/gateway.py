"""The one door to Temporal for everything that is not a worker: start, ring, cancel, terminate, describe.

All of it is idempotent: a start with a known id finds the run, a ring or cancel of a closed run says NOT_FOUND.
Errors: ``TemporalUnavailable`` when the server does not answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal

from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import DataConverter
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from workflows.contracts import DOORBELL_SIGNAL, EXECUTION_WORKFLOW, QUEUE, RunInput
from workflows.settings import Settings

Delivered = Literal["delivered", "not_found"]
RPC_TIMEOUT = timedelta(seconds=5)
TASK_TIMEOUT = timedelta(seconds=5)
"""After this a workflow task of a killed worker goes to another one; a task takes milliseconds."""


class TemporalUnavailable(Exception):
    """Temporal did not answer. What was asked stays in the outbox and is asked again."""

    remedy = "Check that Temporal runs and that VISTO_TEMPORAL_ADDRESS is right."


async def connect(settings: Settings, converter: DataConverter, *, lazy: bool = True) -> Client:
    """Connect, by default with the first call: a server that is down now may be up then.

    A worker's client cannot be lazy; it raises ``TemporalUnavailable`` while the server is down.
    """
    key = settings.temporal_api_key
    with _explained():
        return await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=converter,
            tls=settings.temporal_tls,
            api_key=key.get_secret_value() if key else None,
            lazy=lazy,
        )


class Gateway:
    """Wraps a Temporal client in the product's words."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def start(self, run: RunInput, *, workflow_id: str) -> None:
        """Start the execution's workflow; a second call with the same id changes nothing."""
        with _explained():
            try:
                await self.client.start_workflow(
                    EXECUTION_WORKFLOW,
                    run,
                    id=workflow_id,
                    task_queue=QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    task_timeout=TASK_TIMEOUT,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    static_summary=f"{run.namespace}/{run.plan.flow_id}",
                    rpc_timeout=RPC_TIMEOUT,
                )
            except WorkflowAlreadyStartedError:
                return

    async def ring(self, workflow_id: str, what: str) -> Delivered:
        """Tell a workflow to look at ``what`` (an id). Its content is never trusted."""
        return await self._deliver(self._handle(workflow_id).signal(DOORBELL_SIGNAL, what, rpc_timeout=RPC_TIMEOUT))

    async def cancel(self, workflow_id: str) -> Delivered:
        return await self._deliver(self._handle(workflow_id).cancel(rpc_timeout=RPC_TIMEOUT))

    async def is_open(self, workflow_id: str) -> bool | None:
        """Whether the workflow runs; ``None`` when Temporal does not know it."""
        with _explained():
            try:
                description = await self._handle(workflow_id).describe(rpc_timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    return None
                raise
        return description.close_time is None

    async def healthy(self) -> bool:
        try:
            return await self.client.service_client.check_health(timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError):
            return False

    def _handle(self, workflow_id: str) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(workflow_id)

    async def _deliver(self, call: Awaitable[None]) -> Delivered:
        with _explained():
            try:
                await call
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    return "not_found"
                raise
        return "delivered"


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        raise TemporalUnavailable(f"Temporal did not take the call: {error.message}.") from error
    except RuntimeError as error:  # the lazy connection's first failure
        raise TemporalUnavailable(f"Temporal cannot be reached: {error}.") from error
