"""The prompts, look-ups and tools behind a suggestion, as the journal recorded them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workflows.flow.planned import GatePlan
from workflows.journal import read
from workflows.journal.keyring import Keyring
from workflows.journal.read import Entry
from workflows.store.db import Tx
from workflows.usecases.gate_views import rows

Json = Any
KINDS = (
    "llm.request", "llm.response", "llm.failed", "llm.unknown_outcome", "llm.divergence", "llm.fallback",
    "llm.refused", "llm.invalid", "agent.feedback", "privacy.redacted", "privacy.restored", "retrieval",
    "retrieval.failed", "tool.request", "tool.response", "tool.failed", "tool.unknown_outcome", "tool.proposed",
)  # fmt: skip


def calls(tx: Tx, keyring: Keyring, namespace: str, gate_id: str) -> list[Entry]:
    """Everything that was asked and answered for a gate, in order; content that was erased is ``ERASED``.

    Raises ``gate_not_found``, ``Unreadable`` and ``KeyringError``.
    """
    gate = rows(tx, namespace, gate_id).gate
    paths = places(GatePlan.model_validate(gate.gate_plan), gate.path, gate.item_key)
    found = read.at_places(tx, keyring, namespace, gate.execution_id, paths, kinds=KINDS)
    return sorted(found, key=lambda entry: (entry.occurred_at, entry.stream, entry.seq))


def places(plan: GatePlan, path: str, item_key: str) -> Sequence[str]:
    """The names under which the journal knows the steps of a gate, for one element."""
    item = f"[{item_key}]" if item_key else ""
    tasks = [*([plan.suggest] if plan.suggest else []), *plan.enrich]
    return [f"{path}{item}", *(f"{path}/{task.id}{item}" for task in tasks)]
