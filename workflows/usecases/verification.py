"""Verifying the journal while people look on: one run per namespace, its progress in the store, its result recorded."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from workflows.gates.model import Actor
from workflows.journal import read
from workflows.journal.findings import Report
from workflows.journal.verify import verify
from workflows.store.db import Tx
from workflows.store.repositories import verifications
from workflows.store.repositories.verifications import Running
from workflows.usecases import results
from workflows.usecases.recording import record
from workflows.usecases.services import Services
from workflows.usecases.told import Told, tell

KIND = "verify.run"
TOLD_EVERY_S = 0.5
FIRST = 20


@dataclass(frozen=True, slots=True)
class Verification:
    """The one under way, and the last whole one as it was recorded."""

    running: Running | None
    last: Told | None


async def state(services: Services, namespace: str) -> Verification:
    """How it stands."""

    def unit(tx: Tx) -> Verification:
        page = read.search(tx, namespace, kinds=(KIND,), limit=20)
        whole = [entry for entry in page.items if entry.meta.get("scope") == "namespace"][:1]
        told = tell(tx, services.journal.keyring, namespace, whole, contents=True)
        return Verification(verifications.running(tx, namespace), told[0] if told else None)

    return await services.db.read(unit)


async def begin(services: Services, namespace: str, actor: Actor) -> Running | None:
    """Begin to verify the namespace; None when that is under way already. Then ``run`` it."""
    return await services.db.write(lambda tx: verifications.begin(tx, namespace, actor.name))


async def run(services: Services, namespace: str, actor: Actor, running: Running) -> None:
    """Verify every record of the namespace, tell how far it is, and record the result."""
    told_at = time.monotonic()

    def progress(done: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_EVERY_S:
            told_at = time.monotonic()
            services.db.write_sync(lambda tx: verifications.go_on(tx, namespace, running, done))

    def work() -> Report:
        return verify(services.db, services.journal.keyring, namespace=namespace, progress=progress)

    started = time.monotonic()
    try:
        report = await asyncio.to_thread(work)
        seconds = round(time.monotonic() - started, 3)
        await services.db.write(lambda tx: _record(tx, services, namespace, actor, report, seconds, None))
    finally:
        await services.db.write(lambda tx: verifications.end(tx, namespace, running))


async def verify_execution(services: Services, namespace: str, actor: Actor, execution_id: str) -> Report:
    """Verify one execution at once: its records, and that its rows agree with them. Raises ``Refused`` 404."""
    await services.db.read(lambda tx: results.load(tx, namespace, execution_id))
    started = time.monotonic()
    report = await asyncio.to_thread(
        verify, services.db, services.journal.keyring, namespace=namespace, execution_id=execution_id
    )
    seconds = round(time.monotonic() - started, 3)
    await services.db.write(lambda tx: _record(tx, services, namespace, actor, report, seconds, execution_id))
    return report


def _record(
    tx: Tx,
    services: Services,
    namespace: str,
    actor: Actor,
    report: Report,
    seconds: float,
    execution_id: str | None,
) -> None:
    """The record stands in the namespace's own stream, so that verifying an execution does not change it."""
    meta: dict[str, Any] = {
        "scope": "namespace" if execution_id is None else f"execution:{execution_id}",
        "streams": report.streams,
        "events": report.events,
        "contents": report.contents,
        "erased": report.erased,
        "unreadable": report.unreadable,
        "findings": len(report.findings),
        "ms": round(seconds * 1000),
    }
    content = {"findings": [str(one) for one in report.findings[:FIRST]], "unchecked": report.unchecked}
    record(tx, services.journal, namespace, KIND, actor, outcome=str(report.verdict), content=content, meta=meta)
