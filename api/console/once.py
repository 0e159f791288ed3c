"""Secrets that are shown once: sealed into a cookie of the browser that made them, opened by the page that shows them.

Nothing is stored and no address holds the secret, so neither a second look nor another session finds it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from fastapi import Response

from api.console.page import Page
from api.console.sealed import Sealer
from workflows.usecases.keys import session_key

COOKIE = "visto_once"
SHOWN_FOR = timedelta(minutes=2)


def keep(page: Page, response: Response, what: str, secret: str) -> None:
    """Give the browser a secret about ``what`` (``key:<id>``), for the next page."""
    sealed = _sealer(page).seal({"what": what, "secret": secret}, now=datetime.now(UTC), life=SHOWN_FOR)
    age = int(SHOWN_FOR.total_seconds())
    secure = page.services.settings.api_url.startswith("https:")
    response.set_cookie(COOKIE, sealed, max_age=age, httponly=True, samesite="strict", secure=secure, path="/")


def kept(page: Page, what: str) -> str | None:
    """The secret about ``what`` that this session's browser carries; None when there is none (any more)."""
    found = _sealer(page).open(page.request.cookies.get(COOKIE, ""), now=datetime.now(UTC))
    return str(found["secret"]) if found is not None and found["what"] == what else None


def forget(response: Response) -> None:
    """Take it away with the page that shows it, which no cache keeps."""
    response.headers["Cache-Control"] = "no-store"
    response.delete_cookie(COOKIE, path="/")


def _sealer(page: Page) -> Sealer:
    return Sealer(session_key(page.services.settings), f"once:{page.session.id if page.session else ''}")
