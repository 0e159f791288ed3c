"""Signing in through the configured provider: there, and back."""

from __future__ import annotations

import hmac
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import Response
from fastapi.responses import RedirectResponse

from api.console import failures
from api.console.guard import console_router
from api.console.oidc import Pending, Provider
from api.console.oidc_wire import not_accepted
from api.console.page import Page, PageDep
from api.console.pages.home import own_path
from api.console.pages.sign_in import signed_in
from api.console.sealed import Sealer
from api.console.session import Sessions
from api.errors import ApiError
from api.visitors import visitor
from workflows.usecases import sign_in as signing
from workflows.usecases import sign_in_oidc
from workflows.usecases.refusals import Refused

router = console_router(prefix="/sign-in/oidc")

COOKIE = "visto_oidc"
LIFE = timedelta(minutes=10)


@router.get("")
async def start_oidc(page: PageDep, next: str = "/", namespace: str = "") -> Response:
    """Send the browser to the provider, with what is needed to finish in a sealed cookie."""
    provider, pending = _provider(page), Pending.new()
    address = await provider.address(pending)
    kept = asdict(pending) | {"next": own_path(next), "namespace": namespace}
    response = RedirectResponse(address, 303)
    _keep(page, response, _sealer(page).seal(kept, now=page.services.db.clock(), life=LIFE))
    return response


@router.get("/callback")
async def finish_oidc(
    page: PageDep, state: str = "", code: str = "", error: str = "", iss: str | None = None
) -> Response:
    """Where the provider sends the browser back to. Whatever comes of it, this attempt is over."""
    provider = _provider(page)
    kept = _sealer(page).open(page.request.cookies.get(_name(page), ""), now=page.services.db.clock()) or {}
    namespace = await signing.namespace_of(page.services, kept.get("namespace"))
    try:
        pending = _checked(provider, kept, state, code, error, iss)
        vouched = await provider.vouched(pending, code)
    except Refused as refused:
        await sign_in_oidc.failed(page.services, namespace, provider.issuer, refused.code, visitor(page.request))
        return await _refused(page, refused)
    try:
        token = await sign_in_oidc.by_oidc(
            page.services,
            namespace,
            vouched,
            visitor(page.request),
            sign_up=page.services.settings.oidc_sign_up,
        )
    except Refused as refused:
        return await _refused(page, refused)
    response = await signed_in(page, token, kept["next"])
    _keep(page, response, "")
    return response


def _checked(provider: Provider, kept: dict[str, Any], state: str, code: str, error: str, iss: str | None) -> Pending:
    """What this browser began. Raises ``Refused``."""
    if not kept or not hmac.compare_digest(state.encode(), str(kept["state"]).encode()):
        raise Refused(
            "oidc_not_started_here",
            "This sign-in was not started in this browser, or it took longer than ten minutes.",
            status=400,
            remedy="Start again from the sign-in page, and let the browser keep cookies of this site.",
        )
    if error:
        raise Refused(
            "oidc_declined",
            "The sign-in service did not let you in.",
            status=403,
            remedy="Start again, or ask whoever runs that service whether you may use Visto.",
        )
    if not code or (iss is not None and iss != provider.issuer):
        raise not_accepted("oidc_answer_refused")
    return Pending(kept["state"], kept["nonce"], kept["verifier"])


async def _refused(page: Page, refused: Refused) -> Response:
    response = await failures.respond(page.request, refused)
    _keep(page, response, "")
    return response


def _provider(page: Page) -> Provider:
    provider: Provider | None = page.request.app.state.oidc
    if provider is None:
        raise ApiError(404, "no_oidc", "This installation has no sign-in service.", "Sign in with your password.")
    return provider


def _sealer(page: Page) -> Sealer:
    sealer: Sealer = page.request.app.state.oidc_sealer
    return sealer


def _name(page: Page) -> str:
    sessions: Sessions = page.request.app.state.sessions
    return f"__Host-{COOKIE}" if sessions.secure else COOKIE


def _keep(page: Page, response: Response, value: str) -> None:
    sessions: Sessions = page.request.app.state.sessions
    response.set_cookie(
        _name(page),
        value,
        max_age=int(LIFE.total_seconds()) if value else 0,
        path="/",
        secure=sessions.secure,
        httponly=True,
        samesite="lax",
    )
