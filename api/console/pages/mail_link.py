"""A gate behind a link from a letter. Looking changes nothing; a button decides, as the person the link was made for."""

from __future__ import annotations

from fastapi import Response

from api.auth import Caller, authorise
from api.console.guard import console_router
from api.console.page import PageDep
from api.errors import ApiError
from api.policies import POLICIES, SCOPES
from workflows.gates.model import Action
from workflows.usecases import mail_links
from workflows.usecases.mail_links import Opened

router = console_router(prefix="/mail")

BY_BUTTON = {"approve": Action.APPROVE, "reject": Action.REJECT, "request_changes": Action.REQUEST_CHANGES}


@router.get("/{token}")
async def mail_link_page(token: str, page: PageDep) -> Response:
    """The gate as the letter showed it, and whether it still can be decided. Records nothing: programs open links."""
    found = await mail_links.open_link(page.services, token)
    return await page.render("mail/gate.html", facts=False, token=token, found=found, gate=found.gate, done="")


@router.post("/{token}")
async def decide_by_mail(token: str, page: PageDep) -> Response:
    """Decide, and show what came of it."""
    found = await mail_links.open_link(page.services, token)
    _permit(found)
    action = BY_BUTTON.get(page.form.get("action", ""))
    if action is None:
        raise ApiError(422, "no_action", "No decision was chosen.", "Go back and press one of the buttons.")
    decided = await mail_links.decide_by_link(
        page.services,
        token,
        action,
        reason_code=page.form.text("reason_code") if action is Action.REJECT else None,
        comment=page.form.text("comment"),
    )
    now = await mail_links.open_link(page.services, token)
    missing = decided.missing if decided.outcome is None else 0
    said = f"Your vote counts; {missing} more must agree." if missing else "Your decision is recorded."
    return await page.render("mail/gate.html", facts=False, token=token, found=now, gate=now.gate, done=said)


def _permit(found: Opened) -> None:
    """The same right as everywhere: what a person may do does not depend on the channel. Raises ``ApiError`` 403."""
    actor = found.actor.model_copy(update={"scopes": SCOPES})
    authorise(Caller(found.grant.namespace, "mail-link", actor), POLICIES["decide_gate"])
