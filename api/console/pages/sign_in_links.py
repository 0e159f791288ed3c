"""Personal links. Opening one only shows a button, so that programs that follow links change nothing."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import PageDep
from api.console.pages.sign_in import signed_in
from api.console.session import Sessions
from api.errors import problem_of
from api.visitors import visitor
from workflows.usecases import passwords, sign_in_links
from workflows.usecases.refusals import Refused

router = console_router(prefix="/sign-in")

LINK, PASSWORD = "sign_in/link.html", "sign_in/password.html"


@router.get("/link/{token}")
async def link_page(token: str, page: PageDep) -> Response:
    """Whom the link signs in, and a button."""
    found = await sign_in_links.look(page.services, token, sets_password=False)
    return await page.render(LINK, token=token, found=found)


@router.post("/link/{token}")
async def sign_in_by_link(token: str, page: PageDep) -> Response:
    """Use the link."""
    return await signed_in(page, await sign_in_links.by_link(page.services, token, visitor(page.request)))


@router.get("/password/{token}")
async def password_page(token: str, page: PageDep) -> Response:
    """The form for a new password."""
    found = await sign_in_links.look(page.services, token, sets_password=True)
    return await page.render(PASSWORD, token=token, found=found, problem=None, least=passwords.MIN_LENGTH)


@router.post("/password/{token}")
async def set_password(token: str, page: PageDep) -> Response:
    """Set it, use the link up, and end the person's sessions; a weak one leaves the link as it is."""
    try:
        await sign_in_links.set_password(page.services, token, page.form.get("new", ""), visitor(page.request))
    except Refused as refused:
        if refused.code != "weak_password":
            raise
        found = await sign_in_links.look(page.services, token, sets_password=True)
        return await page.render(
            PASSWORD,
            status=refused.status,
            token=token,
            found=found,
            problem=problem_of(refused),
            least=passwords.MIN_LENGTH,
        )
    sessions: Sessions = page.request.app.state.sessions
    sessions.forget()
    return page.done("Your password is set. Sign in with it.", to="/sign-in")
