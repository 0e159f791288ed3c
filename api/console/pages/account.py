"""One's own account: who one is here, where one is signed in, and one's password."""

from __future__ import annotations

from fastapi import Response

from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.session import Session, Sessions
from api.errors import ApiError, Problem, problem_of
from api.visitors import visitor
from workflows.usecases import passwords, people, sign_in_password
from workflows.usecases import sign_in as signing
from workflows.usecases.refusals import Refused

router = console_router(prefix="/account")

METHODS = {"password": "Password", "link": "Sign-in link", "dev-link": "Link of visto dev"}


def method_words(method: str) -> str:
    """How somebody signed in, for people."""
    return METHODS.get(method, "Single sign-on" if method.startswith("oidc:") else method)


@router.get("")
async def account_page(page: PageDep) -> Response:
    """Who one is, one's sessions, one's password."""
    return await _account(page)


@router.post("/password")
async def change_password(page: PageDep) -> Response:
    """Change one's password; other sessions end."""
    session = _own(page)
    try:
        ended = await sign_in_password.change(
            page.services,
            page.namespace,
            page.actor,
            session.id,
            visitor(page.request),
            current=page.form.get("current", ""),
            new=page.form.get("new", ""),
        )
    except Refused as refused:
        return await _account(page, problem=problem_of(refused), headers=getattr(refused, "headers", {}))
    _sessions(page).forget()
    others = f" {ended} other session{'s were' if ended != 1 else ' was'} ended." if ended else ""
    return page.done(f"Your password is changed.{others}", to="/account")


@router.post("/sessions/end-others")
async def end_other_sessions(page: PageDep) -> Response:
    """Sign out everywhere but here."""
    ended = await signing.close_others(page.services, page.namespace, page.actor, _own(page).id)
    _sessions(page).forget()
    return page.done(f"Ended: {ended} other session{'s' * (ended != 1)}.", to="/account")


@router.post("/sessions/{session_id}/end")
async def end_session(session_id: str, page: PageDep) -> Response:
    """Sign out one browser, perhaps this one."""
    ended = await signing.close_session(page.services, page.namespace, page.actor, session_id)
    _sessions(page).forget()
    if session_id == _own(page).id:
        return page.done("You are signed out.", to="/sign-in")
    return page.done("The session is ended." if ended else "That session was over already.", to="/account")


async def _account(page: Page, *, problem: Problem | None = None, headers: dict[str, str] | None = None) -> Response:
    who = page.actor.principal_id
    response = await page.render(
        "sign_in/account.html",
        status=problem.status if problem else 200,
        person=await people.person(page.services, page.namespace, who),
        sessions=await signing.sessions_of(page.services, page.namespace, who),
        present=_own(page).id,
        has_password=await sign_in_password.has_password(page.services, page.namespace, who),
        method_words=method_words,
        problem=problem,
        least=passwords.MIN_LENGTH,
    )
    response.headers.update(headers or {})
    return response


def _own(page: Page) -> Session:
    if page.session is None:
        raise ApiError(401, "signed_out", "You are signed out.", "Sign in again.")
    return page.session


def _sessions(page: Page) -> Sessions:
    sessions: Sessions = page.request.app.state.sessions
    return sessions
