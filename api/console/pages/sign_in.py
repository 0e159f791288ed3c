"""Signing in by name and password, and signing out. Works without scripts."""

from __future__ import annotations

from fastapi import Response
from fastapi.responses import RedirectResponse

from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages.home import own_path
from api.console.session import Sessions
from api.errors import problem_of
from api.visitors import visitor
from workflows.usecases import sign_in as signing
from workflows.usecases import sign_in_password
from workflows.usecases.refusals import Refused

router = console_router()

FORM = "sign_in/form.html"


@router.get("/sign-in")
async def sign_in_page(page: PageDep, next: str = "/", namespace: str = "") -> Response:
    """The form; whoever is signed in already goes on."""
    target = own_path(next)
    if page.session is not None:
        return RedirectResponse(target, 303)
    return await form(page, target=target, namespace=namespace)


@router.post("/sign-in")
async def sign_in(page: PageDep) -> Response:
    """Check name and password; a refusal shows the form again, with what was typed except the password."""
    sent = page.form
    target, name, asked = own_path(sent.get("next")), sent.get("name", ""), sent.get("namespace", "")
    try:
        namespace = await signing.namespace_of(page.services, asked)
        token = await sign_in_password.by_password(
            page.services, namespace, name, sent.get("password", ""), visitor(page.request)
        )
    except Refused as refused:
        return await form(page, target=target, namespace=asked, name=name, refused=refused)
    return await signed_in(page, token, target)


@router.post("/sign-out")
async def sign_out(page: PageDep) -> Response:
    """End this browser's session; doing it again changes nothing."""
    response = page.done("You are signed out.", to="/sign-in")
    sessions: Sessions = page.request.app.state.sessions
    if page.session is not None:
        await sessions.close(page.session)
    sessions.cookie("").put(response)
    return response


async def form(
    page: Page, *, target: str = "/", namespace: str = "", name: str = "", refused: Refused | None = None
) -> Response:
    """The sign-in form, with why it was refused if it was."""
    oidc = page.request.app.state.oidc
    problem = problem_of(refused) if refused else None
    response = await page.render(
        FORM,
        status=problem.status if problem else 200,
        target=target,
        namespace=namespace,
        name=name,
        problem=problem,
        oidc=oidc.name if oidc else None,
    )
    response.headers.update(getattr(refused, "headers", {}))
    return response


async def signed_in(page: Page, token: str, target: str = "/") -> Response:
    """Give the browser its new session; the one it had before ends."""
    sessions: Sessions = page.request.app.state.sessions
    if page.session is not None:
        await sessions.close(page.session)
    response = RedirectResponse(target, 303)
    sessions.cookie(token).put(response)
    return response
