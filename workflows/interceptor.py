"""What every activity gets: a heartbeat while it runs, failures in words, and logs that name the step but no secret."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from workflows.contracts import TIMEOUT_GRACE
from workflows.failures import as_failure

log = logging.getLogger("visto.activity")
BEATS_PER_TIMEOUT = 4


class VistoInterceptor(Interceptor):
    """Registered once per worker; nothing an activity does can bypass it."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activity(next)


class _Activity(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        async with beating():
            try:
                async with asyncio.timeout(_own_timeout_s()):
                    return await super().execute_activity(input)
            except TimeoutError as error:
                raise as_failure(StepTimedOut()) from error
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  everything an activity raises is put into words here
                failure = as_failure(error)
                _log(error, failure)
                raise failure from None


class StepTimedOut(Exception):
    """The step used up its own timeout."""

    code = "timeout"
    permanent = False
    remedy = "Try again later, or give the task a longer timeout."

    def __init__(self) -> None:
        super().__init__("The step took longer than its timeout.")


def _own_timeout_s() -> float | None:
    info = activity.info()
    if info.is_local or info.start_to_close_timeout is None:
        return None
    return max(0.001, (info.start_to_close_timeout - TIMEOUT_GRACE).total_seconds())


@contextlib.asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Heartbeat as long as the event loop lives, so that a dead worker is noticed within the heartbeat timeout."""
    info = activity.info()
    if info.is_local or info.heartbeat_timeout is None:
        yield
        return
    task = asyncio.create_task(_beat(info.heartbeat_timeout.total_seconds() / BEATS_PER_TIMEOUT))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _beat(every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        activity.heartbeat()


def _log(error: Exception, failure: ApplicationError) -> None:
    info = activity.info()
    place = {"activity": info.activity_type, "workflow": info.workflow_id, "attempt": info.attempt}
    if failure.type == "internal":
        log.error("an activity failed unexpectedly", extra=place, exc_info=error)
    else:
        log.info("an activity ended with %s", failure.type, extra=place)


class NoPayloads(logging.Filter):
    """Temporal's own log lines print exceptions in clear, with whatever stands in them; ours name the step instead."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            record.exc_info, record.exc_text = None, None
            record.msg = f"{record.getMessage().splitlines()[0].split('(', 1)[0].strip()} (details in visto.activity)"
            record.args = ()
        return True


def quiet_temporal_logs() -> None:
    """Install ``NoPayloads`` where the SDK logs failures of activities and workflow tasks."""
    for name in ("temporalio.activity", "temporalio.worker", "temporalio.worker._activity"):
        logging.getLogger(name).addFilter(NoPayloads())
