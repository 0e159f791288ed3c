"""What is hashed when a record is written is what is hashed when it is read back."""

from __future__ import annotations

from enum import StrEnum

from workflows.journal import chain
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal, Record
from workflows.journal.verify import verify
from workflows.store.db import Database


class Outcome(StrEnum):
    APPROVED = "approved"


def test_an_enumeration_is_hashed_as_its_text() -> None:
    """Callers hand over members of enumerations; the database gives back plain text."""
    values = ["x"] * len(chain.ENVELOPE)
    for place in range(len(values)):
        before, after = list(values), list(values)
        before[place], after[place] = Outcome.APPROVED, "approved"
        assert chain.event_hash(before, chain.GENESIS) == chain.event_hash(after, chain.GENESIS)


def test_a_record_with_an_enumeration_verifies(database: Database, journal: Journal, keyring: Keyring) -> None:
    record = Record(namespace="default", kind="decision.submitted", execution_id="e1", outcome=Outcome.APPROVED)
    database.write_sync(lambda tx: journal.append(tx, record))
    report = verify(database, keyring)
    assert report.events == 1
    assert report.verdict == "VERIFIED", report.lines()
