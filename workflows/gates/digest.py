"""Canonical JSON (RFC 8785) and the digest that ties a decision to what was shown."""

from __future__ import annotations

import hashlib

import rfc8785

from workflows.gates.model import Json, View


class NotCanonical(ValueError):
    """A value that has no one text: NaN, an infinity, half a character, a whole number that readers would round."""


_EXACT = 2.0**53
_WRITTEN_AS_INTEGER = 1e21


def canonical(value: Json) -> str:
    """The one text of a JSON value; reading and writing it again gives the same text.

    Raises ``NotCanonical``.
    """
    _refuse_inexact(value)
    try:
        return rfc8785.dumps(value).decode()
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise NotCanonical(f"a value cannot be shown exactly: {error}") from error


def _refuse_inexact(value: Json) -> None:
    """A large float is written like an integer, which could not be read back as the same number."""
    if isinstance(value, float) and _EXACT <= abs(value) < _WRITTEN_AS_INTEGER:
        raise NotCanonical(f"{value!r} is too large to be shown exactly; send it as a text")
    if isinstance(value, dict):
        for child in value.values():
            _refuse_inexact(child)
    elif isinstance(value, list | tuple):
        for child in value:
            _refuse_inexact(child)


def canonical_view(view: View) -> str:
    """The very text that is stored, rendered by every channel, and hashed."""
    return canonical(view.model_dump(mode="json"))


def action_digest(canonical_text: str) -> str:
    """SHA-256 of a canonical view, in hex."""
    return hashlib.sha256(canonical_text.encode()).hexdigest()


def policy_version(policy: Json) -> str:
    """A short name for the rules a gate was opened under: it changes whenever they change."""
    return hashlib.sha256(canonical(policy).encode()).hexdigest()[:16]
