"""Who takes part: a service that starts the flow, a scripted reviewer, and the local developer in the same group."""

from __future__ import annotations

from dataclasses import dataclass

from visto.demo.reviewer import NAME
from visto.dev_access import SUBJECT
from workflows.journal.records import Journal, Record
from workflows.store.db import Database, Tx
from workflows.store.repositories import keys, principals

GROUP = "fraud"
STARTER = "Demo starter"
STARTER_SCOPES = ("flows:read", "flows:write", "executions:start", "executions:read", "gates:read")
REVIEWER_SCOPES = ("gates:read", "gates:decide", "executions:read")


@dataclass(frozen=True, slots=True)
class Cast:
    """The keys of the two who act by program."""

    starter: str
    reviewer: str


def gather(db: Database, journal: Journal, namespace: str) -> Cast:
    """Make the people and their keys, in one transaction and on the record."""

    def make(tx: Tx) -> Cast:
        service = principals.create_service(tx, namespace, STARTER)
        reviewer = principals.create_person(tx, namespace, NAME)
        principals.grant_role(tx, namespace, reviewer.id, "reviewer")
        principals.create_group(tx, namespace, GROUP)
        principals.add_member(tx, namespace, GROUP, reviewer.id)
        developer = principals.find_by_identity(tx, namespace, "local", SUBJECT)
        if developer is not None:
            principals.add_member(tx, namespace, GROUP, developer.id)
        made = Cast(
            keys.create(tx, namespace, service.id, "demo", STARTER_SCOPES).secret,
            keys.create(tx, namespace, reviewer.id, "demo", REVIEWER_SCOPES).secret,
        )
        meta = {"what": "demo", "principals": [service.id, reviewer.id]}
        journal.append(tx, Record(namespace=namespace, kind="config.changed", via="cli", meta=meta))
        return made

    return db.write_sync(make)
