"""One gate: what a yes will do, why it is suggested, and everything that can be done about it."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Response

from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages.home import own_path
from api.errors import ApiError
from workflows.arbiter import undoing
from workflows.arbiter.handling import viewed
from workflows.arbiter.model import Decide, Handle, Viewed
from workflows.gates.model import Action
from workflows.usecases import decide, gate_views

router = console_router()

UNDO_S = 5.0


@router.get("/gates/{gate_id}")
async def gate_page(page: PageDep, gate_id: str, part: str = "") -> Response:
    """The whole page, or with ``part=panel`` the same content for a page that shows it in place."""
    gate = await page.services.db.read(lambda tx: gate_views.detail(tx, page.namespace, gate_id))
    if part == "panel":
        return page.fragment("gate/panel.html", gate=gate, back="/inbox")
    return await page.render("gate/index.html", gate=gate, back=f"/gates/{gate_id}")


@router.post("/gates/{gate_id}/seen")
async def gate_seen(page: PageDep, gate_id: str) -> Response:
    """Record that the person was shown a revision; once for each, however often it is sent."""
    await _seen(page, gate_id)
    return page.done("", to=f"/gates/{gate_id}")


@router.post("/gates/{gate_id}/decide")
async def gate_decide(page: PageDep, gate_id: str) -> Response:
    """Approve, edit, reject or request changes, on the revision and digest that the form was made from."""
    await _seen(page, gate_id)
    form = page.form
    decided = await decide.decide(
        page.services,
        Decide(
            namespace=page.namespace,
            gate_id=gate_id,
            actor=page.actor,
            action=_action(page),
            revision=_revision(page),
            action_digest=form.get("action_digest", ""),
            reason_code=form.text("reason_code"),
            comment=form.text("comment"),
            undo_window=timedelta(seconds=UNDO_S),
        ),
    )
    return page.done(
        "Decided.",
        to=own_path(form.get("back"), f"/gates/{gate_id}"),
        undo=f"/gates/{gate_id}/undo" if decided.decision_id else None,
        undo_s=UNDO_S if decided.decision_id else 0,
        state=decided.state,
        outcome=decided.outcome,
        missing=decided.missing,
    )


@router.post("/gates/{gate_id}/undo")
async def gate_undo(page: PageDep, gate_id: str) -> Response:
    """Take back a decision that is not in effect yet."""
    request = Handle(namespace=page.namespace, gate_id=gate_id, actor=page.actor)
    revision = await page.services.db.write(lambda tx: undoing.undo(tx, page.services.journal, request))
    return page.done("Undone; the gate is open again.", to=f"/gates/{gate_id}", revision=revision)


async def _seen(page: Page, gate_id: str) -> None:
    request = Viewed(namespace=page.namespace, gate_id=gate_id, actor=page.actor, revision=_revision(page))
    await page.services.db.write(lambda tx: viewed(tx, page.services.journal, request))


def _revision(page: Page) -> int:
    try:
        return int(page.form.get("revision", ""))
    except ValueError as error:
        raise _incomplete() from error


def _action(page: Page) -> Action:
    try:
        return Action(page.form.get("action", ""))
    except ValueError as error:
        raise _incomplete() from error


def _incomplete() -> ApiError:
    return ApiError(422, "incomplete_form", "The form is not complete.", "Reload the gate and try again.")
