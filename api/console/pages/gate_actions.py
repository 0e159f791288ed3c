"""What people do about a gate: decide, take it back, and take care of it. Every route is a form and a script's call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps

from fastapi import Response

from api.console.failures import wants_json
from api.console.formats import clock, plural
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import gate_input, gate_load, gate_model
from api.console.pages.gate_edit import refused_edit
from api.console.pages.gate_form import PREFIX, read_form
from api.errors import ApiError
from workflows.arbiter import expiring, handling, undoing
from workflows.arbiter.handling import viewed
from workflows.arbiter.model import Assign, Claim, Comment, Decide, Decided, Extend, Handle, Viewed
from workflows.gates.model import Action, GateError, Outcome
from workflows.gates.refusals import invalid_edit
from workflows.usecases import decide

router = console_router(prefix="/gates")

MAX_EXTENSION = timedelta(days=366)
Route = Callable[[PageDep, str], Awaitable[Response]]
LEASE = timedelta(minutes=10)
_TOLD = {
    Outcome.APPROVED: "Approved.",
    Outcome.EDITED: "Approved with your changes.",
    Outcome.REJECTED: "Rejected.",
    Outcome.CHANGES_REQUESTED: "Changes requested.",
}


def told_on_the_gate(action: Route) -> Route:
    """A refusal is told to a script as it is, and to a person above the gate as it stands now."""

    @wraps(action)
    async def answer(page: Page, gate_id: str) -> Response:
        try:
            return await action(page, gate_id)
        except GateError as error:
            if wants_json(page.request) or error.code == "gate_not_found":
                raise
            if page.form.get("action") == Action.EDIT:
                return await refused_edit(page, gate_id, error)
            return await _refused(page, gate_id, error)

    return answer


async def _refused(page: Page, gate_id: str, error: GateError) -> Response:
    """The present state of the gate under a clear word about what was refused; what was typed is kept."""
    found = await gate_load.load_alone(page, gate_id)
    act = {"reject": "reject", "request_changes": "changes"}.get(page.form.get("action", ""), "")
    seen = error.detail.get("seen") if error.code == "stale_revision" else None
    return await gate_load.show(
        page,
        gate_id,
        status=error.status,
        against=seen,
        notice=gate_model.refused(error, found, page.actor.principal_id),
        typed=page.form.get("comment", ""),
        act=act if found.is_open else "",
    )


@router.post("/{gate_id}/seen")
async def gate_seen(page: PageDep, gate_id: str) -> Response:
    """Record that the person was shown a revision; once for each, however often it is sent."""
    await _seen(page, gate_id)
    return page.done("", to=f"/gates/{gate_id}")


@router.post("/{gate_id}/decide")
@told_on_the_gate
async def gate_decide(page: PageDep, gate_id: str) -> Response:
    """Approve, edit, reject or request changes, on the revision and digest that the form was made from.

    Without scripts nothing is recorded when a page is loaded, so that the person saw it is recorded here.
    """
    await _seen(page, gate_id)
    return _decided(page, gate_id, await decide.decide(page.services, await _decision(page, gate_id)))


async def _decision(page: Page, gate_id: str) -> Decide:
    form, action = page.form, gate_input.action_of(page.form)
    changes = None
    if action is Action.EDIT:
        found = await gate_load.load_alone(page, gate_id)
        gate = found.gate
        sent = read_form(found.plan.output_schema, gate.editable, gate.fields, form.having(PREFIX))
        if sent.errors:
            raise invalid_edit(sent.errors)
        changes = sent.changes
    return Decide(
        namespace=page.namespace,
        gate_id=gate_id,
        actor=page.actor,
        action=action,
        revision=gate_input.revision_of(form),
        action_digest=gate_input.digest_of(form),
        fields=changes,
        new_action_digest=gate_input.digest_of(form, "new_action_digest") if action is Action.EDIT else None,
        reason_code=form.text("reason_code") if action is Action.REJECT else None,
        comment=gate_input.words_of(form),
        undo_window=gate_input.undo_window(form),
        override=action is Action.EDIT and "override" in form,
    )


def _decided(page: Page, gate_id: str, decided: Decided) -> Response:
    left = 0.0
    if decided.effective_at is not None:
        left = max(0.0, (decided.effective_at - page.services.db.clock()).total_seconds())
    text = (
        f"Your approval counts; {plural(decided.missing, 'more person', 'more people')} must agree."
        if decided.outcome is None
        else _TOLD.get(decided.outcome, "Decided.")
    )
    return page.done(
        text,
        to=gate_input.next_address(page, gate_id),
        undo=f"/gates/{gate_id}/undo" if left else None,
        undo_s=left,
        id=gate_id,
        state=decided.state,
        outcome=decided.outcome,
        missing=decided.missing,
        revision=decided.revision,
    )


@router.post("/{gate_id}/undo")
@told_on_the_gate
async def gate_undo(page: PageDep, gate_id: str) -> Response:
    """Take back a decision that is not in effect yet."""
    request = _handle(page, gate_id)
    revision = await page.services.db.write(lambda tx: undoing.undo(tx, page.services.journal, request))
    return page.done("Undone; it is open again.", to=gate_input.here(page, gate_id), id=gate_id, revision=revision)


@router.post("/{gate_id}/claim")
@told_on_the_gate
async def gate_claim(page: PageDep, gate_id: str) -> Response:
    """Keep others from deciding for ten minutes; claiming again renews."""
    request = Claim(namespace=page.namespace, gate_id=gate_id, actor=page.actor, lease=LEASE)
    until = await page.services.db.write(lambda tx: handling.claim(tx, page.services.journal, request))
    return page.done(f"Yours until {clock(until)}.", to=gate_input.here(page, gate_id), until=until.isoformat())


@router.post("/{gate_id}/release")
@told_on_the_gate
async def gate_release(page: PageDep, gate_id: str) -> Response:
    """Give the claim back: one's own, or as an admin anybody's."""
    request = _handle(page, gate_id)
    was = await page.services.db.write(lambda tx: handling.release(tx, page.services.journal, request))
    return page.done("Released." if was else "Nobody held it.", to=gate_input.here(page, gate_id))


@router.post("/{gate_id}/assign")
@told_on_the_gate
async def gate_assign(page: PageDep, gate_id: str) -> Response:
    """Ask one person to decide; an empty choice takes the assignment back."""
    to = page.form.text("to")
    request = Assign(namespace=page.namespace, gate_id=gate_id, actor=page.actor, to=to)
    await page.services.db.write(lambda tx: handling.assign(tx, page.services.journal, request))
    return page.done("Assigned." if to else "Assigned to nobody.", to=gate_input.here(page, gate_id))


@router.post("/{gate_id}/extend")
@told_on_the_gate
async def gate_extend(page: PageDep, gate_id: str) -> Response:
    """Give more time before the gate expires."""
    by = gate_input.span_of(page.form, "seconds", most=MAX_EXTENSION)
    request = Extend(namespace=page.namespace, gate_id=gate_id, actor=page.actor, by=by)
    until = await page.services.db.write(lambda tx: expiring.extend(tx, page.services.journal, request))
    page.request.app.state.relay.poke()
    return page.done(f"The deadline is {clock(until)} now.", to=gate_input.here(page, gate_id), until=until.isoformat())


@router.post("/{gate_id}/comment")
@told_on_the_gate
async def gate_comment(page: PageDep, gate_id: str) -> Response:
    """Say something that others read beside the gate."""
    text = gate_input.words_of(page.form, "text")
    if text is None:
        raise ApiError(422, "empty_comment", "The comment is empty.", "Write something, then send it.")
    request = Comment(namespace=page.namespace, gate_id=gate_id, actor=page.actor, text=text)
    await page.services.db.write(lambda tx: handling.comment(tx, page.services.journal, request))
    return page.done("Comment added.", to=f"{gate_input.here(page, gate_id)}#comments")


def _handle(page: Page, gate_id: str) -> Handle:
    return Handle(namespace=page.namespace, gate_id=gate_id, actor=page.actor)


async def _seen(page: Page, gate_id: str) -> None:
    revision = gate_input.revision_of(page.form)
    request = Viewed(namespace=page.namespace, gate_id=gate_id, actor=page.actor, revision=revision)
    await page.services.db.write(lambda tx: viewed(tx, page.services.journal, request))
