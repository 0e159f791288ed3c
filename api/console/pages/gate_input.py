"""What a gate's forms send: which action on which revision, and where to go on afterwards."""

from __future__ import annotations

import math
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from api.console.forms import Form
from api.console.page import Page
from api.console.pages.inbox_query import InboxQuery
from api.errors import ApiError
from workflows.gates.model import Action

DIGEST_LENGTH = 64
MAX_UNDO_S, UNDO_S = 60.0, 5.0
MAX_TEXT = 10_000
REMEDY = "Reload the gate and try again."


def action_of(form: Form) -> Action:
    """Raises ``ApiError`` 422."""
    try:
        return Action(form.get("action", ""))
    except ValueError as error:
        raise _incomplete("names no action") from error


def revision_of(form: Form) -> int:
    """The revision that was shown. Raises ``ApiError`` 422."""
    text = form.get("revision", "")
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:9]) == int(text):
        raise _incomplete("does not say which revision was shown")
    return int(text)


def digest_of(form: Form, name: str = "action_digest") -> str:
    """The digest of what was shown. Raises ``ApiError`` 422."""
    text = form.get(name, "")
    if len(text) != DIGEST_LENGTH or not all(c in "0123456789abcdef" for c in text):
        raise _incomplete("does not say what was shown")
    return text


def words_of(form: Form, name: str = "comment") -> str | None:
    """Words, or None without any. Raises ``ApiError`` 422 when there are too many."""
    text = form.text(name)
    if text is not None and len(text) > MAX_TEXT:
        raise ApiError(422, "too_long", f"A comment has at most {MAX_TEXT:,} characters.", "Say it shorter.")
    return text


def undo_window(form: Form) -> timedelta:
    """For how long the decision can be taken back: five seconds unless the form says otherwise, at most a minute."""
    try:
        seconds = float(form.get("undo_seconds", UNDO_S))
    except ValueError:
        seconds = UNDO_S
    return timedelta(seconds=min(max(seconds, 0.0), MAX_UNDO_S) if math.isfinite(seconds) else UNDO_S)


def span_of(form: Form, name: str, *, most: timedelta) -> timedelta:
    """A time in seconds. Raises ``ApiError`` 422."""
    text = form.get(name, "")
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:12]) <= most.total_seconds():
        raise _incomplete("names no time")
    return timedelta(seconds=int(text))


def queue_of(page: Page) -> str | None:
    """The query of the list that the person works through, and nothing else; None when they came from elsewhere."""
    form: Form | None = getattr(page.request.state, "form", None)
    sent = page.request.query_params.get("queue", form.get("queue") if form else None)
    return None if sent is None else InboxQuery.parse(sent).encoded()


def next_address(page: Page, gate_id: str, queue: str | None = None) -> str:
    """The next gate of the list that the person works through, else this gate."""
    queue = queue_of(page) if queue is None else queue
    if queue is None or not page.may("inbox_page"):
        return f"/gates/{gate_id}"
    return f"/inbox/next?{urlencode([('after', gate_id), *parse_qsl(queue)])}"


def here(page: Page, gate_id: str) -> str:
    """This gate, still within the list that the person works through."""
    queue = queue_of(page)
    return f"/gates/{gate_id}" if queue is None else f"/gates/{gate_id}?{urlencode({'queue': queue})}"


def _incomplete(what: str) -> ApiError:
    return ApiError(422, "incomplete_form", f"The form {what}.", REMEDY)
