"""The inbox: what waits for a person, grouped by batch, with filters, views of their own, and how each gate stands now."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Response
from fastapi.responses import JSONResponse, RedirectResponse

from api.console import chrome
from api.console.formats import shown, title_case
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import gate_load
from api.console.pages.inbox_query import DUE, InboxQuery
from api.remembered import Remembered
from workflows.gates.model import GateState
from workflows.gates.visible import visible
from workflows.store.db import Tx
from workflows.store.repositories import inbox as lines
from workflows.store.repositories.inbox import Narrowing
from workflows.usecases import inbox, inbox_views
from workflows.usecases.inbox import Batch, Fact, Line, Queue, Status

router = console_router(prefix="/inbox")

PER_PAGE = 40
MOST = 500
VALUE_CHARS = 120
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the store brought. ``today`` is asked for only when nothing waits."""

    queue: Queue
    today: Counts


@router.get("")
async def inbox_page(page: PageDep, cursor: str | None = None, part: str = "", ids: str = "") -> Response:
    """The list; ``part=lines`` gives the lines alone, of the page at ``cursor`` or of the gates named in ``ids``."""
    query = InboxQuery.of(page.request.query_params)
    pick = page.request.query_params.get("select") == "all" and bool(query.batch)
    limit = MOST if pick or ids else PER_PAGE
    wanted = query.narrowing(page.actor, page.services.db.clock())
    if ids:
        wanted = replace(wanted, ids=_ids(ids))
    looked = page.services.db.read(lambda tx: _look(tx, page, wanted, cursor, limit))
    if part == "lines":
        return page.fragment("inbox/lines.html", **_list(query, await looked, pick=pick, cursor=cursor))
    seen, flows, views, _ = await asyncio.gather(
        looked,
        _flows(page, wanted),
        inbox_views.views_of(page.services, page.namespace, page.actor),
        chrome.facts(page),  # remembered for the frame
    )
    return await page.render(
        "inbox/index.html",
        **_list(query, seen, pick=pick, cursor=cursor),
        today=_today(seen.today),
        views=views,
        flows=flows,
        dues=DUE,
        reviews=inbox.reviews(page.actor),
        may_decide=page.may("inbox_decide"),
        selectable=any(line.why_not is None and not line.voted for line in seen.queue.lines),
        reasons=_reasons(seen.queue.lines),
        once=secrets.token_hex(16),
    )


def _list(query: InboxQuery, seen: Seen, *, pick: bool, cursor: str | None) -> dict[str, Any]:
    """What the lines are made from."""
    return {
        "query": query,
        "queue": seen.queue,
        "all_picked": pick,
        "cursor": cursor,
        "facts_of": facts_of,
        "reasons_of": reasons_of,
        "gate_query": _gate_query(query),
        "voted_words": voted_words,
        "runs_of": runs_of,
        "most": MOST,
        "next_address": _next(query, seen.queue),
    }


@router.get("/states")
async def inbox_states(page: PageDep, ids: str = "") -> Response:
    """How gates of a list that is open stand now, as JSON."""
    found = await page.services.db.read(lambda tx: inbox.statuses(tx, page.namespace, page.actor, _ids(ids)))
    return JSONResponse({"gates": [status_of(status) for status in found]})


@router.get("/fresh")
async def inbox_fresh(page: PageDep, ids: str = "") -> Response:
    """Which of these gates belong in the list that the query describes, as JSON."""
    query = InboxQuery.of(page.request.query_params)
    wanted = replace(query.narrowing(page.actor, page.services.db.clock()), ids=_ids(ids))
    found = await page.services.db.read(lambda tx: lines.search(tx, page.namespace, wanted, limit=MOST))
    return JSONResponse({"ids": [item.id for item in found.items]})


@router.get("/waiting")
async def inbox_waiting(page: PageDep) -> Response:
    """How many gates wait for this person, as the navigation says it, as JSON."""
    known: Remembered[chrome.Facts] = page.request.app.state.console_facts
    known.forget()
    frame = await chrome.facts(page)
    return JSONResponse({"waiting": frame.waiting, "badge": frame.badge})


@router.get("/next")
async def inbox_next(page: PageDep, after: str = "", part: str = "") -> Response:
    """Go on to the gate that follows ``after`` in the list the query describes, or to the list when nothing is left.

    ``part=gate`` gives what is in that gate's page, for a script to have it ready; nothing (204) when nothing is left.
    """
    query = InboxQuery.of(page.request.query_params)
    wanted = query.narrowing(page.actor, page.services.db.clock())
    found = await page.services.db.read(
        lambda tx: lines.after(tx, page.namespace, after, wanted, page.actor.principal_id)
    )
    if part == "gate":
        if found is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return await gate_load.show(page, found, part="own", queue=query.encoded())
    return RedirectResponse(query.address() if found is None else gate_address(found, query), HTTPStatus.SEE_OTHER)


def gate_address(gate_id: str, query: InboxQuery) -> str:
    """A gate's page, which knows the list to go on with."""
    return f"/gates/{gate_id}?{_gate_query(query)}"


def _gate_query(query: InboxQuery) -> str:
    return urlencode({"queue": query.encoded()})


def facts_of(facts: Iterable[Fact]) -> list[tuple[str, str]]:
    """Facts as label and text, each short enough for a list."""
    return [(fact.label, _short(fact)) for fact in facts]


def _short(fact: Fact) -> str:
    text = " ".join(visible(shown(fact.value, fact.format)).split())
    return text if len(text) <= VALUE_CHARS else f"{text[: VALUE_CHARS - 1]}…"


def runs_of(batch: Batch) -> list[str]:
    """What a yes to the batch's gates runs, by type; each gate's own page says it exactly."""
    return sorted({visible(kind) for line in batch.lines for kind in line.effects})


def reasons_of(line: Line) -> list[tuple[str, str]]:
    """The codes of a rejection with their words."""
    return [(code, visible(title_case(code))) for code in line.reasons]


def words_of(status: Status) -> str:
    """How a gate ended, or "" while this person may still decide on it: ``Approved by Ana``."""
    standing = status.standing
    if standing.state == "open":
        return voted_words(status.voted)
    if standing.outcome is None:  # that somebody asked for changes is no decision that counts
        return "Withdrawn" if standing.state == GateState.WITHDRAWN else "Changes requested"
    return f"{title_case(standing.outcome)} by {status.decided_by}"


def voted_words(action: str | None) -> str:
    """One's own vote that stands while others must agree."""
    return "" if action is None else "You approved; others must agree"


def status_of(status: Status) -> dict[str, Any]:
    """A gate's standing as a script reads it; every text is safe to look at."""
    standing = status.standing
    return {
        "id": standing.gate_id,
        "state": standing.state,
        "revision": standing.revision,
        "words": visible(words_of(status)),
        "claimed": visible(status.claimed_by or ""),
        "mine": status.claimed_by_me,
        "looking": [visible(name) for name in status.looking],
    }


def _look(tx: Tx, page: Page, wanted: Narrowing, cursor: str | None, limit: int) -> Seen:
    queue = inbox.queue(tx, page.namespace, page.actor, wanted, cursor=cursor, limit=limit)
    today = {} if queue.batches else inbox.done_today(tx, page.namespace, page.actor)
    return Seen(queue, today)


async def _flows(page: Page, wanted: Narrowing) -> Counts:
    """How much waits in each flow, at most a second old."""
    known: Remembered[Counts] = page.request.app.state.inbox_counts
    name = f"{page.namespace}/{page.actor.principal_id if wanted.eligible else '*'}"

    async def look() -> Counts:
        return await page.services.db.read(lambda tx: lines.counts_of_flows(tx, page.namespace, wanted.eligible))

    return await known.get(name, look) or {}


def _next(query: InboxQuery, queue: Queue) -> str | None:
    return query.address(cursor=queue.next_cursor) if queue.next_cursor else None


def _reasons(found: Iterable[Line]) -> list[str]:
    return list(dict.fromkeys(reason for line in found for reason in line.reasons))


def _today(done: Counts) -> str:
    return ", ".join(f"{count:,} {title_case(outcome).lower()}" for outcome, count in done.items())


def _ids(sent: str) -> list[str]:
    return [one for one in sent.split(",") if one][:MOST]
