"""The worker: runs workflows and activities until it is told to stop, then lets what runs finish quickly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from agents.settings import model_settings_from_env
from agents.warm import warm
from rag.knowledge import Knowledge
from rag.settings import KnowledgeSettings
from workflows.activities.deps import Deps
from workflows.activities.table import activities
from workflows.codec import data_converter
from workflows.contracts import QUEUE, QUEUE_AI, QUEUE_BULK
from workflows.flow.planned import PLAN_SCHEMA_V
from workflows.gateway import TemporalUnavailable, connect
from workflows.interceptor import VistoInterceptor, quiet_temporal_logs
from workflows.interpreter.chunk import Chunk
from workflows.interpreter.execution import Execution
from workflows.journal.records import Journal
from workflows.runner import Runner
from workflows.settings import Settings
from workflows.store.db import Database, StoreUnavailable
from workflows.store.operator import live_executions
from workflows.usecases import installation
from workflows.usecases.keys import payload_keys

GRACE = timedelta(seconds=1)
BUILD_ID = f"visto-plan-{PLAN_SCHEMA_V}"
"""Told to Temporal for its pages. Left out, the SDK hashes every loaded module, which takes more than a second."""

RECONNECT = timedelta(seconds=1)
WORKFLOW_THREADS = 8
"""Activations hold the interpreter's lock while they work, so more threads only take turns."""

COLLECT_AFTER = (20_000, 20, 20)
"""Objects made before the collector looks. Every step makes thousands that die by themselves; by default it would look
after 700, and all it ever finds are a few cycles of frames and exceptions."""

log = logging.getLogger("visto.worker")


def build_deps(settings: Settings) -> Deps:
    """Open everything activities need. Close ``deps.db`` and ``deps.knowledge`` afterwards."""
    secrets = installation.secrets(settings)
    book = installation.connections(settings, secrets)
    settings.files.mkdir(parents=True, exist_ok=True)
    return Deps(
        db=Database(settings.database),
        journal=Journal(installation.keyring(settings)),
        settings=settings,
        knowledge=Knowledge(_knowledge_settings(settings)),
        connections=book,
        secrets=secrets,
        models=model_settings_from_env(os.environ),
    )


def _knowledge_settings(settings: Settings) -> KnowledgeSettings:
    if settings.chroma_url:
        return KnowledgeSettings(chroma_url=settings.chroma_url)
    return KnowledgeSettings(chroma_path=settings.home / "chroma")


def workers(client: Client, deps: Deps, threads: ThreadPoolExecutor | None = None) -> list[Worker]:
    """One worker per queue; workflows (in ``threads``) and local activities on the light one."""
    table, settings = activities(deps), deps.settings
    concurrency = {
        QUEUE: settings.worker_concurrency,
        QUEUE_AI: settings.worker_ai_concurrency,
        QUEUE_BULK: settings.worker_bulk_concurrency,
    }
    return [
        _worker(client, settings, queue, functions, concurrency[queue], threads) for queue, functions in table.items()
    ]


def _worker(
    client: Client,
    settings: Settings,
    queue: str,
    functions: Sequence[Any],
    concurrency: int,
    threads: ThreadPoolExecutor | None,
) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[Execution, Chunk] if queue == QUEUE else [],
        activities=functions,
        build_id=BUILD_ID,
        interceptors=[VistoInterceptor()],
        workflow_runner=Runner(),
        workflow_task_executor=threads,
        max_concurrent_activities=concurrency,
        max_concurrent_local_activities=max(concurrency, 20),
        max_cached_workflows=settings.max_cached_workflows,
        sticky_queue_schedule_to_start_timeout=settings.sticky_timeout,
        graceful_shutdown_timeout=GRACE,
    )


@contextlib.asynccontextmanager
async def running(client: Client, deps: Deps) -> AsyncIterator[None]:
    """Run all workers inside the block."""
    threads = ThreadPoolExecutor(WORKFLOW_THREADS, thread_name_prefix="visto-workflow")
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(threads.shutdown, wait=False)
        for worker in workers(client, deps, threads):
            await stack.enter_async_context(worker)
        yield


async def _connected(settings: Settings, converter: DataConverter) -> Client:
    """Wait for Temporal as long as it takes: a worker that starts first must not end."""
    while True:
        try:
            return await connect(settings, converter, lazy=False)
        except TemporalUnavailable as error:
            log.warning("%s %s", error, error.remedy)
            await asyncio.sleep(RECONNECT.total_seconds())


async def _warm_if_needed(deps: Deps) -> None:
    """A worker that starts into live work (after a kill) loads LangChain at once; an idle one stays small."""
    with contextlib.suppress(StoreUnavailable):
        if await deps.db.read(lambda tx: live_executions(tx, before=tx.now, limit=1)):
            await warm(deps.models)


async def run(settings: Settings) -> None:
    """Run until cancelled."""
    quiet_temporal_logs()
    gc.set_threshold(*COLLECT_AFTER)
    keys = payload_keys(settings)
    deps = build_deps(settings)
    try:
        client = await _connected(settings, data_converter(keys.keys, keys.current))
        async with running(client, deps):
            warming = asyncio.create_task(_warm_if_needed(deps))
            try:
                await asyncio.Event().wait()
            finally:
                warming.cancel()
    finally:
        await deps.knowledge.close()
        deps.db.close()
