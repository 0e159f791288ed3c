"""Reads a gate for the person who looks, and answers with its page, its panel, or its present state."""

from __future__ import annotations

from typing import Any, Literal

from fastapi.responses import HTMLResponse, JSONResponse

from api.console.page import Page
from api.console.pages import gate_model
from api.console.pages.gate_effects import value_text
from api.console.pages.gate_history import decided_in_words, happening, history
from api.console.pages.gate_input import next_address, queue_of
from api.console.pages.gate_model import Notice, Shown
from workflows.store.db import Tx
from workflows.usecases.gate_reading import Reading, reading
from workflows.usecases.similar import Similar, similar

Json = Any
Part = Literal["", "panel", "own"]
ACTS = ("edit", "reject", "changes")


async def load(page: Page, gate_id: str) -> tuple[Reading, tuple[Similar, ...]]:
    """The gate and the decisions like it. Raises ``gate_not_found``."""

    def read(tx: Tx) -> tuple[Reading, tuple[Similar, ...]]:
        found = reading(tx, page.namespace, gate_id, page.actor)
        gate = found.gate
        like = similar(tx, page.namespace, flow_id=gate.flow, path=gate.path, gate_id=gate.id, view=gate.view)
        return found, tuple(like)

    return await page.services.db.read(read)


async def load_alone(page: Page, gate_id: str) -> Reading:
    """The gate without the decisions like it."""
    return await page.services.db.read(lambda tx: reading(tx, page.namespace, gate_id, page.actor))


async def show(
    page: Page,
    gate_id: str,
    *,
    status: int = 200,
    part: Part = "",
    queue: str | None = None,
    against: int | None = None,
    notice: Notice | None = None,
    typed: str = "",
    act: str = "",
) -> HTMLResponse:
    """The gate as a page, as a panel for a page that holds several (``panel``), or as what is in the page of its own
    (``own``). ``queue`` is the list to go on with, by default the one that the address or the form names.
    """
    found, like = await load(page, gate_id)
    act = act if act in ACTS else ""
    shown = gate_model.shown(found, similar=like, against=against, notice=notice, typed=typed, act=act)
    given = context(page, shown, queue)
    if part:
        return page.fragment(f"gate/{part}.html", panel=part == "panel", **given)
    return await page.render("gate/index.html", status=status, panel=False, **given)


def context(page: Page, shown: Shown, queue: str | None = None) -> dict[str, Json]:
    """What every template of a gate is given."""
    queue = queue_of(page) if queue is None else queue
    return {
        "shown": shown,
        "gate": shown.gate,
        "reading": shown.reading,
        "queue": queue,
        "next": None if queue is None else next_address(page, shown.gate.id, queue),
        "progress": gate_model.progress,
        "exactly": value_text,
        "may_see_calls": page.may("gate_calls"),
        "may_read_knowledge": page.may("gate_passage"),
        "is_admin": "admin" in page.actor.roles,
        "may_comment": page.may("gate_comment"),
    }


def state_of(found: Reading) -> JSONResponse:
    """How the gate stands now, for a page that has it open: what to say, and whether it may still be decided."""
    happenings = history(found)
    last = next((one for one in reversed(happenings) if not one.quiet), None)
    latest = found.revisions[-1]
    requested = next((entry for entry in reversed(found.history) if entry.kind == "approval.requested"), None)
    claim = found.claim
    return JSONResponse(
        {
            "id": found.gate.id,
            "state": found.gate.state,
            "revision": latest.revision,
            "digest": latest.action_digest,
            "may_decide": found.refusal is None,
            "decided": decided_in_words(found),
            "revised": _sentence(found, requested) if latest.revision > 1 and requested else "",
            "claimed": "" if claim is None or claim.mine else f"{claim.by} is working on this",
            "last": f"{last.who} {last.says}" if last else "",
            "at": last.at if last else None,
        }
    )


def _sentence(found: Reading, entry: Any) -> str:
    said = happening(entry, found)
    return f"{said.who} {said.says}"
