"""Answers of operations: kept once, sealed, as the content of their journal record; the operation's row points there."""

from __future__ import annotations

from typing import Any

from workflows.journal import sealing
from workflows.journal.keyring import Keyring
from workflows.store.db import Tx


class AnswerErased(Exception):
    """The recorded answer's content was erased, so the operation can neither be answered nor made again."""

    permanent = True

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The answer recorded for {key!r} was erased. Start a new execution instead of going on with this."
        )
        self.key = key


def pointer(event_id: str) -> dict[str, Any]:
    """What the operation's row keeps in the place of the answer."""
    return {"event": event_id}


def read(tx: Tx, keyring: Keyring, namespace: str, key: str, answer: dict[str, Any] | None) -> Any:
    """The answer that a row points to. Raises ``AnswerErased`` and ``sealing.Unreadable``."""
    event_id = (answer or {}).get("event")
    opened = sealing.read(tx, keyring, namespace, event_id) if isinstance(event_id, str) else None
    if opened is None:
        raise sealing.Unreadable(f"the answer of {key!r} is missing from the journal; verify the journal")
    if isinstance(opened, sealing.Erased):
        raise AnswerErased(key)
    return opened.value["answer"]
