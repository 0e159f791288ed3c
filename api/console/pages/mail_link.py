"""A gate behind a link from a letter. Looking changes nothing; a button decides, as the person the link was made for."""

from __future__ import annotations

from fastapi import Response

from api.auth import Caller, authorise
from api.console.failures import wants_json
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import gate_input, gate_model
from api.console.pages.gate_effects import value_text
from api.console.pages.gate_model import Notice
from api.errors import ApiError
from api.policies import POLICIES, SCOPES
from workflows.gates.model import Action, GateError
from workflows.usecases import mail_links
from workflows.usecases.mail_links import Opened

router = console_router(prefix="/mail")

BY_BUTTON = {"approve": Action.APPROVE, "reject": Action.REJECT, "request_changes": Action.REQUEST_CHANGES}
Refusal = GateError | ApiError


@router.get("/{token}")
async def mail_link_page(token: str, page: PageDep) -> Response:
    """The gate as it stands, and what its person may do by this link. Records nothing: programs open links."""
    return await _letter(page, token, await mail_links.open_link(page.services, token))


@router.post("/{token}")
async def decide_by_mail(token: str, page: PageDep) -> Response:
    """Decide, and show what came of it: a refusal too, above what was typed."""
    found = await mail_links.open_link(page.services, token)
    try:
        done = await _decide(page, token, found)
    except (GateError, ApiError) as error:
        if wants_json(page.request):
            raise
        return await _letter(page, token, await mail_links.open_link(page.services, token), refused=error)
    return await _letter(page, token, await mail_links.open_link(page.services, token), done=done)


async def _decide(page: Page, token: str, found: Opened) -> str:
    """What to say of it. Raises what every decision raises, ``Refused`` and ``ApiError`` 403 and 422."""
    _permit(found)
    action = BY_BUTTON.get(page.form.get("action", ""))
    if action is None:
        raise ApiError(422, "no_action", "No decision was chosen.", "Press one of the buttons.")
    decided = await mail_links.decide_by_link(
        page.services,
        token,
        action,
        reason_code=page.form.text("reason_code") if action is Action.REJECT else None,
        comment=gate_input.words_of(page.form),
    )
    missing = decided.missing if decided.outcome is None else 0
    return f"Your vote counts; {missing} more must agree." if missing else "Your decision is recorded."


def _permit(found: Opened) -> None:
    """The same right as everywhere: what a person may do does not depend on the channel. Raises ``ApiError`` 403."""
    actor = found.actor.model_copy(update={"scopes": SCOPES})
    authorise(Caller(found.grant.namespace, "mail-link", actor), POLICIES["decide_gate"])


async def _letter(page: Page, token: str, found: Opened, *, done: str = "", refused: Refusal | None = None) -> Response:
    """The letter's page. After a refusal it says so on top and keeps what was typed and chosen."""
    sent = page.form if refused is not None else {}
    shown = gate_model.shown(
        found.reading,
        notice=None if refused is None else _notice(refused, found),
        typed=sent.get("comment", ""),
    )
    return await page.render(
        "mail/gate.html",
        status=200 if refused is None else refused.status,
        facts=False,
        token=token,
        found=found,
        shown=shown,
        gate=shown.gate,
        reading=shown.reading,
        done=done,
        offered=found.decidable and not done,
        chosen=sent.get("reason_code", ""),
        queue=None,
        exactly=value_text,
        may_read_knowledge=False,  # the link opens this one page
    )


def _notice(error: Refusal, found: Opened) -> Notice:
    if isinstance(error, GateError):
        return gate_model.refused(error, found.reading, found.actor.principal_id)
    return Notice(str(error), error.remedy, "bad", error.code)
