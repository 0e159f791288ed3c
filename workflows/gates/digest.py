"""Canonical JSON (RFC 8785) and the digest that ties a decision to what was shown."""

from __future__ import annotations

import hashlib

import rfc8785

from workflows.gates.model import Json, View


def canonical(value: Json) -> str:
    """The one text of a JSON value. Raises ``ValueError`` for NaN, infinities and integers beyond 2**53."""
    return rfc8785.dumps(value).decode()


def canonical_view(view: View) -> str:
    """The very text that is stored, rendered by every channel, and hashed."""
    return canonical(view.model_dump(mode="json"))


def action_digest(canonical_text: str) -> str:
    """SHA-256 of a canonical view, in hex."""
    return hashlib.sha256(canonical_text.encode()).hexdigest()


def policy_version(policy: Json) -> str:
    """A short name for the rules a gate was opened under: it changes whenever they change."""
    return hashlib.sha256(canonical(policy).encode()).hexdigest()[:16]
