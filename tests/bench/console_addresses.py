"""Every address of the console that is read with GET, with names from a filled store; lists also with their filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from api.console.mount import ROUTERS
from api.policies import POLICIES
from tests.bench import console_knowledge
from tests.browser.house import NS, PATH, House
from workflows.gates.ids import batch_key
from workflows.store.db import Tx
from workflows.store.repositories import inbox, keys
from workflows.store.repositories.inbox import Narrowing
from workflows.store.tables import audit_event, executions, gate_revisions, gates
from workflows.usecases import sign_in_links as links
from workflows.usecases.mail_links import Grant, make, mark

ELSEWHERE = {
    "static_file": "a file",
    "live_events": "a stream",
    "start_oidc": "leads to the provider",
    "finish_oidc": "comes from the provider",
}
"""GET routes that are not measured, and why."""


@dataclass(frozen=True)
class Address:
    """``name`` is the route's, and what is asked of it; ``who`` is signed in, or nobody."""

    name: str
    path: str
    who: str | None = "Root"


def addresses(house: House, big: str) -> list[Address]:
    """All of them. ``big`` is the execution with the most elements."""
    names = house.db.write_sync(lambda tx: _names(tx, house, big))
    plain = [
        Address(route.name, _filled(route.name, route.path, names), None if POLICIES[route.name].public else "Root")  # type: ignore[attr-defined]
        for router in ROUTERS
        for route in router.routes
        if "GET" in route.methods and route.name not in ELSEWHERE  # type: ignore[attr-defined]
    ]
    return [*plain, *_asked(names, big)]


def _filled(name: str, template: str, names: Mapping[str, str]) -> str:
    def given(match: re.Match[str]) -> str:
        return names.get(f"{name}.{match.group(1)}") or names[match.group(1)]

    path = re.sub(r"\{(\w+)(?::path)?\}", given, template)
    return path + names.get(f"?{name}", "")


def _names(tx: Tx, house: House, big: str) -> dict[str, str]:
    """What the addresses' parts are called in this store; ``?route`` is a query without which it has no answer."""
    chance = sa.select(gates.c.id).where(gates.c.execution_id == big, gates.c.state == "open").order_by(gates.c.id)
    gate = tx.conn.execute(chance.limit(1)).scalar_one()
    record = sa.select(audit_event.c.event_id).where(audit_event.c.execution_id == big).order_by(audit_event.c.seq)
    some = tx.conn.execute(sa.select(gates.c.id).where(gates.c.state == "open").limit(50)).scalars().all()
    runs = tx.conn.execute(sa.select(executions.c.id).limit(50)).scalars().all()
    vic, hour = house.actors["Vic"].principal_id, timedelta(hours=1)
    made = {
        purpose: links.make(tx, house.journal, NS, vic, purpose, life=hour, via="cli")[0].rpartition("/")[2]
        for purpose in ("sign-in", "password")
    }
    view = inbox.search(tx, NS, Narrowing(), limit=500)
    return {
        "gate_id": gate,
        "execution_id": big,
        "flow_id": "order-risk",
        "link_page.token": made["sign-in"],
        "password_page.token": made["password"],
        "mail_link_page.token": _letter(tx, house, gate),
        "event_id": tx.conn.execute(record.offset(2).limit(1)).scalar_one(),
        "principal_id": house.actors["Ben"].principal_id,
        "number": "1",
        "gate_passage.number": "0",
        "group_page.name": "fraud",
        "collection": console_knowledge.COLLECTION,
        "?document_page": f"?name={console_knowledge.DOCUMENT}",
        "key_id": _key(tx, house),
        "revision": "1",
        "?inbox_states": f"?ids={','.join(some)}",
        "?inbox_fresh": f"?ids={','.join(some)}",
        "?inbox_next": f"?after={gate}",
        "?execution_rows": "?" + "&".join(f"id={one}" for one in runs),
        "ids": ",".join(some),
        "cursor": view.next_cursor or "",
    }


def _key(tx: Tx, house: House) -> str:
    """A key; its page no longer shows what it showed once, and is the same otherwise."""
    return keys.create(tx, NS, house.actors["Ben"].principal_id, "bench", ("gates:read",)).key.id


def _letter(tx: Tx, house: House, gate: str) -> str:
    until = int((tx.now + timedelta(days=1)).timestamp())
    row = tx.conn.execute(
        sa.select(gate_revisions.c.action_digest).where(gate_revisions.c.gate_id == gate)
    ).scalar_one()
    grant = Grant(NS, gate, 1, row, house.actors["Ana"].principal_id, mark(house.services, "ana@example.com"), until)
    return make(house.services, grant).rpartition("/")[2]


def _asked(names: Mapping[str, str], big: str) -> list[Address]:
    """Lists with what people ask of them; above all what finds little or nothing, or lies far behind."""
    ben, batch, run, gate = (
        names["principal_id"],
        batch_key(big, PATH),
        f"/executions/{big}",
        f"/gates/{names['gate_id']}",
    )
    lists = {
        "inbox_page": (
            *(
                "all=1",
                f"all=1&cursor={names['cursor']}",
                "flow=order-risk-07",
                "q=A-10042",
                "all=1&q=nothing",
                "due=soon",
                "priority=5",
            ),
            *(
                "assigned=me",
                "claimed=me",
                f"batch={batch}",
                f"batch={batch}&select=all",
                f"part=lines&ids={names['ids']}",
            ),
        ),
        "executions_page": (
            *("state=waiting", "state=failed", "flow=order-risk-07", "q=nothing", f"by={ben}", "within=24h"),
            *("via=slack", "state=failed&flow=order-risk-07", f"q={big[:13]}"),
        ),
        "journal_page": (
            *(f"who={ben}", "flow=order-risk-07", f"execution={big}", "about=decisions", "outcome=timed_out"),
            *("model=offline", "model=nothing", "about=comment.added", "since=2026-01-01&until=2026-01-31"),
        ),
        "flows_page": ("q=nothing", "state=active"),
        "people_page": ("q=person-17", "group=legal"),
        "collection_page": ("q=new+address",),
    }
    paths = {"inbox_page": "/inbox", "executions_page": "/executions", "journal_page": "/journal"}
    paths |= {"flows_page": "/flows", "people_page": "/people"}
    paths |= {"collection_page": f"/knowledge/{console_knowledge.COLLECTION}"}
    asked = [Address(f"{name} {_short(q)}", f"{paths[name]}?{q}") for name, queries in lists.items() for q in queries]
    parts = {
        "execution_elements_page": (f"{run}/elements", ("state=waiting", "at=9000", "key=57")),
        "execution_journal_page": (f"{run}/journal", ("after=30000", "element=57", "part=triage/review&show=effects")),
        "gate_page": (gate, ("part=panel", "part=state")),
        "gate_calls": (f"{gate}/calls", ("part=panel",)),
        "execution_page": (run, ("part=triage/review",)),
        "compare_revisions_page": ("/flows/order-risk/compare", ("old=1&new=3&sides=1",)),
    }
    asked += [Address(f"{name} {q}", f"{path}?{q}") for name, (path, queries) in parts.items() for q in queries]
    return [Address("inbox_page of Ana", "/inbox", "Ana"), *asked]


def _short(query: str) -> str:
    """A query without ids and cursors, for a table."""
    return re.sub(r"=[^&=]{20,}", "=...", query)
