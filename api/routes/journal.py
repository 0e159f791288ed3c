"""The journal: verify, search, explain, export, what was seen, and erasing content."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Annotated

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from api.deps import CallerDep, Cursor, Limit, ServicesDep
from api.errors import ApiError
from api.guard import guarded_router
from api.models import Body, Listing
from workflows.journal import read
from workflows.journal.findings import Verdict
from workflows.journal.verify import verify
from workflows.store.db import Tx
from workflows.usecases import audit, results
from workflows.usecases.timeline import Event, event_of

router = guarded_router(prefix="/journal", tags=["journal"])

CHUNK = 64 * 1024


class FindingOut(BaseModel):
    """What is wrong and where; ``event_id`` is null when the record itself is missing."""

    stream: str
    seq: int | None
    event_id: str | None
    what: str


class Verification(BaseModel):
    """The verdict, and the first bad records by name. ``lines`` is the report as people read it."""

    verdict: Verdict
    streams: int
    events: int
    contents: int
    erased: int
    unreadable: int
    findings: list[FindingOut]
    lines: list[str]


class ErasureBody(Body):
    """``subject`` is ``execution:<id>`` or ``person:<id>``. It cannot be undone."""

    subject: str = Field(pattern=r"^(execution|person|namespace):[^\s:]{1,200}$")
    legal_basis: str = Field(min_length=1, max_length=500)


class ErasureOut(BaseModel):
    """How many records lost their content, and the record of the erasure."""

    subject: str
    contents: int
    event_id: str


@router.get("/verify")
async def verify_journal(services: ServicesDep, caller: CallerDep) -> Verification:
    """Verify every record of the namespace."""
    report = await asyncio.to_thread(verify, services.db, services.journal.keyring, namespace=caller.namespace)
    return Verification(
        verdict=report.verdict,
        streams=report.streams,
        events=report.events,
        contents=report.contents,
        erased=report.erased,
        unreadable=report.unreadable,
        findings=[FindingOut.model_validate(finding, from_attributes=True) for finding in report.findings],
        lines=report.lines(),
    )


@router.get("/search")
async def search_journal(
    services: ServicesDep,
    caller: CallerDep,
    kind: Annotated[list[str] | None, Query()] = None,
    execution: str | None = None,
    flow: str | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[Event]:
    """Records without their contents, newest first."""
    for moment in (since, until):
        if moment is not None and moment.tzinfo is None:
            raise ApiError(422, "no_time_zone", "The time has no zone.", "Write it like 2026-01-31T09:30:00Z.")
    page = await services.db.read(
        lambda tx: read.search(
            tx,
            caller.namespace,
            kinds=tuple(kind or ()),
            execution_id=execution,
            flow_id=flow,
            actor_id=actor,
            since=since,
            until=until,
            cursor=cursor,
            limit=limit,
        )
    )
    return Listing(items=[event_of(entry) for entry in page.items], next_cursor=page.next_cursor)


@router.get("/executions/{execution_id}")
async def explain_execution(execution_id: str, services: ServicesDep, caller: CallerDep) -> Listing[Event]:
    """Everything recorded about an execution, prompts and answers included, oldest first."""

    def load(tx: Tx) -> list[Event]:
        results.load(tx, caller.namespace, execution_id)
        entries = read.timeline(tx, services.journal.keyring, caller.namespace, execution_id)
        return [event_of(entry) for entry in entries]

    return Listing(items=await services.db.read(load))


@router.get("/gates/{gate_id}/as-seen", response_class=Response)
async def gate_as_seen(
    gate_id: str, services: ServicesDep, caller: CallerDep, revision: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """The view document of a revision, byte for byte as it was shown and hashed; by default the newest."""
    seen = await audit.as_seen(services, caller.namespace, gate_id, revision)
    if seen.text is None:
        raise ApiError(410, "erased", "The content of this view was erased.", "Its digest is still in the journal.")
    return Response(seen.text.encode(), media_type="application/json")


@router.get("/export", response_class=StreamingResponse)
async def export_journal(
    services: ServicesDep, caller: CallerDep, execution: str | None = None, *, contents: bool = False
) -> StreamingResponse:
    """The records as `tar.gz`, verifiable without the database; the export itself is recorded."""
    work = audit.export(services, caller.namespace, caller.actor, execution_id=execution, contents=contents)
    archive = await work
    name = f"visto-journal-{caller.namespace}.tar.gz"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts(archive), media_type="application/gzip", headers=headers)


def parts(archive: IO[bytes]) -> Iterator[bytes]:
    """An archive in pieces; it is closed, and so gone, with the last."""
    with archive:
        while part := archive.read(CHUNK):
            yield part


@router.post("/erase")
async def erase_subject(body: ErasureBody, services: ServicesDep, caller: CallerDep) -> ErasureOut:
    """Erase what is known about a subject; the chain stays whole and verifies."""
    done = await audit.erase(services, caller.namespace, caller.actor, body.subject, body.legal_basis)
    return ErasureOut(subject=done.subject, contents=done.contents, event_id=done.event_id)
