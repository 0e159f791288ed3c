"""Refuses what a page of somebody else sends with a person's cookie.

Two checks, each enough by itself: the browser says where the request comes from, and the form carries a token that
only our own pages know. ``Sec-Fetch-Site`` is missing on plain http away from localhost, hence ``Origin``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi import Request

from api.console.session import Session
from api.errors import ApiError

FIELD = "csrf"
HEADER = "X-CSRF-Token"
OURS = ("same-origin", "none")
REMEDY = "Go back, reload the page and try again."


def check_csrf(request: Request, session: Session | None, form: Mapping[str, object]) -> None:
    """Raises ``ApiError`` 403. Without a session (signing in) only the origin counts."""
    check_origin(request)
    if session is None:
        return
    sent = request.headers.get(HEADER) or form.get(FIELD)
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), session.csrf.encode()):
        raise ApiError(
            403, "csrf_failed", "This form is not from your present session, so nothing was changed.", REMEDY
        )


def check_origin(request: Request) -> None:
    """Raises ``ApiError`` 403 for a request that another site's page sent."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if (site is not None and site not in OURS) or (
        site is None and origin is not None and not _is_ours(request, origin)
    ):
        raise ApiError(
            403,
            "cross_origin",
            "This request came from a page of another site, so nothing was changed.",
            "Open the console itself and do it there.",
        )


def _is_ours(request: Request, origin: str) -> bool:
    host = request.headers.get("host", "").lower()
    public = urlsplit(request.app.state.services.settings.public_url or "")
    # behind a proxy that ends TLS we are asked by http and the browser says https
    known = {f"http://{host}", f"https://{host}", f"{public.scheme}://{public.netloc}".lower()}
    return origin.lower() in known
