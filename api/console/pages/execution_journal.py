"""The journal of one execution: every record in order, with prompts and answers for those who may read them."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

from fastapi import Query, Response

from api.console.formats import pretty
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages.execution import frame
from api.console.pages.execution_filters import PATH
from api.errors import ApiError
from workflows.journal.findings import Report
from workflows.journal.kinds import KINDS
from workflows.journal.read import Entry, get
from workflows.journal.sealing import ERASED
from workflows.journal.verify import verify as verify_now
from workflows.store.db import Tx
from workflows.store.repositories import execution_records
from workflows.usecases import execution_views
from workflows.usecases.execution_lists import Names

router = console_router(prefix=PATH)

PAGE = 60
AT_ONCE = 800
"""Up to so many records are verified whenever the page is shown; more only when asked for."""
MOST_TEXT = 40_000
_FIRST = ("request",)
GROUPS = {
    "all": ("Everything", ()),
    "models": ("Model calls", ("llm.", "agent.", "privacy.")),
    "knowledge": ("Look-ups", ("retrieval", "retrieval.", "embedding", "embedding.", "knowledge.")),
    "decisions": ("Decisions", ("approval.", "decision.", "claim.", "comment.", "gate.")),
    "effects": ("Effects", ("action.", "permit.", "tool.", "secret.", "budget.", "breaker.")),
    "execution": ("Execution", ("execution.", "task.", "trigger.", "webhook.")),
}


@router.get("/{execution_id}/journal")
async def execution_journal_page(
    execution_id: str,
    page: PageDep,
    show: str = "all",
    part: str = "",
    element: str = "",
    after: Annotated[int, Query(ge=0)] = 0,
    open: str = "",
    verify: bool = False,
) -> Response:
    """A page of records, oldest first; ``open`` is one whose content is shown."""
    group = show if show in GROUPS else "all"

    def read(tx: Tx) -> dict[str, Any]:
        view = execution_views.view(tx, page.namespace, execution_id)
        rows = execution_records.records(
            tx, page.namespace, execution_id, after=after, limit=PAGE + 1,
            only=GROUPS[group][1], path=part or None, element=element.strip() or None,
        )  # fmt: skip
        names = Names(tx, page.namespace)
        return {"view": view, "rows": rows, "by": {row.actor_id: names.of(row.actor_id) for row in rows}}

    found = await page.services.db.read(read)
    checked = await _verified(page, execution_id) if verify or found["view"].records <= AT_ONCE else None
    shown = open if page.may("execution_record") and any(row.event_id == open for row in found["rows"]) else ""
    return await page.render(
        "executions/journal.html",
        **found,
        **frame(page, found["view"], None, "journal"),
        group=group,
        groups=GROUPS,
        part=part,
        element=element,
        after=after,
        size=PAGE,
        says=KINDS,
        checked=checked,
        opened=shown,
        content=await _content(page, execution_id, shown) if shown else None,
        may_read=page.may("execution_record"),
    )


@router.get("/{execution_id}/records/{event_id}")
async def execution_record(execution_id: str, event_id: str, page: PageDep) -> Response:
    """The content of one record, to be put under it."""
    return page.fragment("executions/record.html", content=await _content(page, execution_id, event_id))


async def _verified(page: Page, execution_id: str) -> Report:
    """Whether the execution's records are whole, and its rows what they say: looked at now, beside the other work."""
    db, keyring = page.services.db, page.services.journal.keyring
    return await asyncio.to_thread(verify_now, db, keyring, namespace=page.namespace, execution_id=execution_id)


async def _content(page: Page, execution_id: str, event_id: str) -> dict[str, Any]:
    keyring = page.services.journal.keyring
    entry = await page.services.db.read(lambda tx: get(tx, keyring, page.namespace, event_id))
    if entry is None or entry.execution_id != execution_id:
        raise ApiError(404, "record_not_found", "There is no such record.", "Open it from its execution's journal.")
    return parts_of(entry)


def parts_of(entry: Entry) -> dict[str, Any]:
    """A record's content as texts with titles: the messages of a prompt apart, everything else as JSON."""
    if entry.content is ERASED:
        return {"state": "erased", "parts": []}
    if entry.content is None:
        return {"state": "none", "parts": []}
    return {"state": "shown", "parts": [(title, text[:MOST_TEXT], len(text)) for title, text in _parts(entry.content)]}


def _parts(content: Any) -> list[tuple[str, str]]:
    if isinstance(content, str):
        return [("Content", _as_text(content))]
    if not isinstance(content, dict):
        return [("Content", pretty(content))]
    made: list[tuple[str, str]] = []
    for name in sorted(content, key=_FIRST.__contains__, reverse=True):
        value = content[name]
        messages = value.get("messages") if isinstance(value, dict) else None
        if isinstance(messages, list) and all(isinstance(one, dict) for one in messages):
            made += [(str(one.get("role", "message")), _as_text(one.get("content", ""))) for one in messages]
            rest = {key: more for key, more in value.items() if key != "messages"}
            made += [(f"{name}, the rest", pretty(rest))] if rest else []
        elif isinstance(value, dict) and isinstance(value.get("content"), str) and value["content"]:
            rest = {key: more for key, more in value.items() if key != "content"}
            made += [(name, _as_text(value["content"])), *([(f"{name}, the rest", pretty(rest))] if rest else [])]
        else:
            made.append((name, _as_text(value)))
    return made


def _as_text(value: Any) -> str:
    """Text as it is, JSON in text indented, everything else as JSON."""
    if not isinstance(value, str):
        return pretty(value)
    if value[:1] in ("{", "["):
        try:
            return pretty(json.loads(value))
        except ValueError:
            return value
    return value
