"""Tenants never meet: every repository function, called with another namespace, finds nothing and changes nothing."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from tests.support import rows
from tests.support.rows import NS, OTHER
from workflows.store import repositories
from workflows.store.db import Database, Tx
from workflows.store.paging import Page
from workflows.store.refusals import NotFound, Refusal
from workflows.store.repositories import (
    breakers,
    budgets,
    collections,
    decisions,
    execution_rows,
    inbound,
    inbox,
    keys,
    leases,
    notices,
    operations,
    outbox,
    passwords,
    pauses,
    permits,
    principals,
    saved_views,
    sessions,
    sign_in_links,
    streams,
    verifications,
    votes,
)
from workflows.store.tables import metadata

ACROSS = {"outbox.due", "outbox.next_due", "pauses.pause_everything", "pauses.resume_everything", "keys.namespace_of"}
"""The documented exceptions: one relay serves all tenants, the operator's brake, and a pure function."""

MAKES_ITS_OWN = {
    "flows.save_revision", "executions.create", "principals.create_person", "principals.create_service",
    "principals.create_group", "outbox.add", "leases.acquire", "pauses.pause", "budgets.reserve", "breakers.failed",
    "inbound.receive", "collections.put", "operations.insert", "notices.hold", "gates.insert", "permits.grant", "once.first_time", "saved_views.save", "flows.locked",
    "verifications.begin",
}  # fmt: skip
"""Functions that make a row in the namespace they are given; they may touch no row of another."""

PURE = {"execution_records.stream_of", "leases.lock_key", "inbox.audience_of", "inbox.sort_key_of"}


def _functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in pkgutil.iter_modules(repositories.__path__):
        loaded = importlib.import_module(f"{repositories.__name__}.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            if function.__module__ == loaded.__name__ and not name.startswith("_"):
                yield f"{module.name}.{name}", function


FUNCTIONS = dict(_functions())
BOUND = {name: function for name, function in FUNCTIONS.items() if name not in ACROSS | PURE}


def _seed(tx: Tx) -> dict[str, Any]:
    """One row of everything in ``NS``; returns the arguments that would find them."""
    rows.flow(tx)
    rows.execution(tx, reference="ref", idempotency_key="key", request_sha256="r")
    rows.execution(tx, execution_id="ended", reference="ref2")
    gate = rows.gate(tx)
    decision = rows.decision(tx, effective_at=tx.now + timedelta(minutes=1))
    decisions.add(tx, NS, decision)
    vote = votes.Vote(
        id="v1", gate_id="g1", revision=1, stage=0, principal_id="ann", action="approve", via="api", snapshot={},
        created_at=tx.now,
    )  # fmt: skip
    votes.add(tx, NS, vote)
    votes.add_comment(tx, NS, "g1", "ann", "why?")
    person = principals.create_person(tx, NS, "Ann", "ann@example.org")
    principals.create_group(tx, NS, "fraud")
    principals.add_member(tx, NS, "fraud", person.id)
    principals.grant_role(tx, NS, person.id, "reviewer")
    key = keys.create(tx, NS, person.id, "laptop", ["decide"])
    passwords.put(tx, NS, person.id, "hash")
    session, session_token = sessions.create(tx, NS, person.id, method="password", device="Firefox on Linux")
    link, link_token = sign_in_links.create(tx, NS, person.id, "sign-in", life=timedelta(hours=1))
    item = outbox.add(tx, NS, kind="doorbell", target="w-e1", payload={})
    leases.acquire(tx, NS, "model", "o1", limit=1, ttl=timedelta(minutes=1))
    pauses.pause(tx, NS, by=None, reason="maintenance")
    pauses.pause(tx, NS, flow_id="order-risk", by=None, reason="odd results")
    budgets.reserve(tx, NS, "e1", "op", usd=1, tokens=10, usd_limit=None, tokens_limit=None)
    breakers.failed(tx, NS, "model", threshold=1, cooldown=timedelta(0))
    inbound.receive(tx, NS, "hook", "m1", "b" * 64)
    collections.put(tx, NS, "policy", {"chunks": 3})
    operations.insert(
        tx, NS, key="op:1", op_id="op", kind="llm", execution_id="e1", request_hash="h", attempt=1, fence=1
    )
    permits.grant(tx, NS, "op", "d1", "binding")
    notice = notices.hold(tx, NS, "g1", "slack", "T1:C1", "card", holder="me", for_=timedelta(minutes=1))
    assert notice is not None
    run = verifications.begin(tx, NS, "ann")
    assert run is not None
    saved_views.save(tx, NS, person.id, "mine", "flow=order-risk")
    view = saved_views.of_person(tx, NS, person.id)[0]
    long_ago = tx.now - timedelta(days=1)
    notices.failed(tx, NS, notice.id, "me", "no answer", unsure=False)
    return {
        "session_id": session.id, "link_id": link.id, "purpose": "password", "life": timedelta(hours=1), "hash_": "other",
        "old": "hash", "new": "better", "method": "link", "device": "Safari on Mac",
        "token_of": {"sessions": session_token, "sign_in_links": link_token},
        "channel": "slack", "address": "T1:C1", "part": "card", "holder": "me", "for_": timedelta(minutes=1),
        "ids": ["e1", "g1", person.id], "gate_ids": ["g1"], "principal_ids": [person.id], "flow_ids": ["order-risk"],
        "batch_keys": ["none"], "eligible": None, "at": long_ago, "since": long_ago, "width": 10, "generation": 0, "but": "g0",
        "managed_by": None, "pause": timedelta(minutes=1), "why": "busy", "view_id": view.id, "query": "q=1",
        "stream": f"{NS}/e1", "seq": 1, "run": run, "done": 1,
        "notice_id": notice.id, "rendering": "r" * 64, "unsure": True,
        "flow_id": "order-risk", "execution_id": "e1", "gate_id": "g1", "decision_id": "d1", "principal_id": person.id,
        "gate": gate, "vote": vote, "decision": decision, "revision": rows.revision_of(gate, 2), "number": 1,
        "name": "policy", "email": None, "reference": "ref", "idempotency_key": "key", "item_id": item, "op_id": "op",
        "key_id": key.key.id, "secret": key.secret, "source": "hook", "message_id": "m1", "body_sha256": "b" * 64,
        "state": "paused", "reruns": {}, "reason": "because", "text": "hello", "by": "ann", "group": "fraud", "role": "reviewer",
        "kind": "email", "subject": "ann@example.org", "path": "triage.review", "item_key": "0", "batch_key": "none",
        "scopes": ["decide"], "error": "no answer", "usd": 1.0, "tokens": 5, "limit": 50, "ttl": timedelta(minutes=1),
        "trial": timedelta(minutes=1), "threshold": 9, "cooldown": timedelta(0), "meta": {}, "fence": 9, "attempt": 2,
        "answer": {"event": "x"}, "request_hash": "h", "sha256": "b" * 64, "source_text": "", "bundle": {}, "plan": {},
        "author_id": None, "revision_number": 1, "workflow_id": "w", "inputs": {}, "via": "api", "target": "w",
        "payload": {}, "usd_limit": None, "tokens_limit": None, "stage": 0, "binding": "binding", "cause": "d1",
    }  # fmt: skip


SPECIAL: dict[str, dict[str, Any]] = {
    "operations.get": {"key": "op:1"}, "operations.get_for_update": {"key": "op:1"}, "operations.again": {"key": "op:1"},
    "operations.answered": {"key": "op:1"}, "operations.failed": {"key": "op:1"}, "operations.insert": {"key": "op:1", "kind": "llm"},
    "leases.renew": {"key": "model", "owner": "o1", "kind": "slot"}, "leases.release": {"key": "model", "owner": "o1", "kind": "slot"},
    "leases.count": {"key": "model", "kind": "slot"}, "leases.frees_at": {"key": "model", "kind": "slot"}, "principals.named": {"name": "Ann"}, "principals.delete_group": {"name": "fraud"}, "principals.lock_group": {"name": "fraud"}, "leases.next_in_line": {"key": "model", "kind": "slot"},
    "leases.acquire": {"key": "model", "owner": "o1", "limit": 1, "kind": "slot"},
    "breakers.state": {"key": "model"}, "breakers.admit": {"key": "model"}, "breakers.succeeded": {"key": "model"},
    "breakers.failed": {"key": "model"}, "budgets.settle": {"owner": "op"}, "budgets.reserve": {"owner": "op"},
    "gates.revision": {"number": 1}, "gates.update": {"title": "changed"}, "gates.insert": {"gate": None},
    "execution_rows.page": {"wanted": execution_rows.Filter()}, "inbox.search": {"wanted": inbox.Narrowing()},
    "inbox.after": {"wanted": inbox.Narrowing(), "who": "p1"},
    "streams.decided_digest": {"revision": 1},
    "once.first_time": {"what": "reminder", "key": "g1"}, "votes.standing": {"revision": 1}, "votes.add_comment": {}, "executions.set_state": {"state": "failed", "reason": None},
    "executions.create": {"execution_id": "e9", "revision": 1}, "inbox.list_inbox": {"state": "open"},
    "outbox.add": {"item_id": "o9"}, "notices.shown": {"revision": 1},
}  # fmt: skip


def _call(function: Callable[..., Any], name: str, namespace: str, known: dict[str, Any], tx: Tx) -> Any:
    given = {**known, "token": known["token_of"].get(name.partition(".")[0]), **SPECIAL.get(name, {})}
    if name == "gates.insert":
        given["gate"] = _copy(known["gate"], id="g9")
    if name == "votes.add":
        given["vote"] = _copy(known["vote"], id="v9", principal_id="bob")
    if name == "decisions.add":
        given["decision"] = _copy(known["decision"], id="d9")
    arguments: dict[str, Any] = {}
    for parameter in list(inspect.signature(function).parameters.values())[2:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments |= {key: given[key] for key in ("title",) if key in given}
        elif parameter.default is parameter.empty or (name in SPECIAL and parameter.name in SPECIAL[name]):
            arguments[parameter.name] = given[parameter.name]
    result = function(tx, namespace, **arguments)
    return list(result) if inspect.isgenerator(result) else result


def _copy(row: Any, **changes: Any) -> Any:
    assert is_dataclass(row)
    names = list(type(row).__slots__)
    return type(row)(**{**{name: getattr(row, name) for name in names}, **changes})


def _dump(tx: Tx, namespace: str) -> dict[str, list[tuple[str, ...]]]:
    """Every row of the namespace, in every table."""
    return {
        table.name: sorted(
            tuple(map(str, row)) for row in tx.conn.execute(sa.select(table).where(table.c.namespace == namespace))
        )
        for table in metadata.sorted_tables
    }


def _nothing(result: Any) -> bool:
    if isinstance(result, Page):
        return result.items == () and result.next_cursor is None
    if isinstance(result, breakers.Breaker):
        return result == breakers.Breaker("closed", 0, None)
    if isinstance(result, budgets.Spent):
        return result == budgets.Spent(0, 0)
    if isinstance(result, streams.Around):
        return result == streams.Around(0, None, None)
    return result in (None, False, 0, [], (), {}, frozenset())


def test_every_table_has_a_namespace_that_is_never_null() -> None:
    assert [table.name for table in metadata.sorted_tables if table.c.namespace.nullable] == []


def test_every_repository_function_takes_the_transaction_and_the_namespace_first() -> None:
    """Forgetting the tenant is impossible: it is the second required argument everywhere."""
    for name, function in BOUND.items():
        parameters = list(inspect.signature(function).parameters.values())
        assert [p.name for p in parameters[:2]] == ["tx", "namespace"], name
        assert parameters[1].default is inspect.Parameter.empty, name


def test_another_namespace_finds_nothing_and_changes_nothing(database: Database) -> None:
    """The same arguments that find a row at home find none elsewhere, and leave it untouched."""
    known = database.write_sync(_seed)
    before = database.read_sync(lambda tx: _dump(tx, NS))
    for name in sorted(set(BOUND) - MAKES_ITS_OWN):
        with contextlib.suppress(Refusal):
            assert _nothing(database.write_sync(partial(_call, BOUND[name], name, OTHER, known))), name
        assert database.read_sync(lambda tx: _dump(tx, NS)) == before, name
    assert not any(database.read_sync(lambda tx: _dump(tx, OTHER)).values())


def test_making_a_row_elsewhere_touches_none_at_home(database: Database) -> None:
    """Equal names, keys and ids of two tenants do not meet."""
    known = database.write_sync(_seed)
    before = database.read_sync(lambda tx: _dump(tx, NS))
    for name in sorted(MAKES_ITS_OWN):
        elsewhere = database.read_sync(lambda tx: _dump(tx, OTHER))
        database.write_sync(partial(_call, BOUND[name], name, OTHER, known))
        assert database.read_sync(lambda tx: _dump(tx, NS)) == before, name
        assert database.read_sync(lambda tx: _dump(tx, OTHER)) != elsewhere, name


def test_at_home_the_same_calls_are_well_formed(database: Database) -> None:
    """The arguments above are real: at home none of them is refused as unknown."""
    known = database.write_sync(_seed)
    unknown = {}
    for name in sorted(set(BOUND) - MAKES_ITS_OWN):
        try:
            database.write_sync(partial(_call, BOUND[name], name, NS, known))
        except Refusal as refusal:
            if isinstance(refusal, NotFound):
                unknown[name] = refusal
    assert unknown == {}
