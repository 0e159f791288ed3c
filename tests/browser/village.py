"""A house where everything has happened at least once, so that every page has something to show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.browser.house import NS, House
from workflows.arbiter import handling
from workflows.arbiter.model import Claim, Comment, Opened, Viewed
from workflows.gates.model import Evidence
from workflows.journal import read
from workflows.journal.records import Record
from workflows.store.repositories import executions, pauses, principals
from workflows.usecases import sign_in_links
from workflows.usecases.mail_links import Grant, make, mark

Json = Any
LONG = "The customer writes at length about the delivery, the invoice and the weather. " * 60
BROKEN_FLOW = "visto: 1\nid: order-risk\ntasks:\n  - id: orders\n    type: csv.red\n"


def settle(house: House) -> dict[str, str]:
    """Fill the house and return what the addresses of its pages need: ``{"gate_id": ..., "execution_id": ...}``."""
    running = house.execute(state="waiting")
    opened = house.batch(24, execution=running)
    house.decide(opened[0], "Ben", "approve")
    house.decide(opened[1], "Ben", "reject", comment="The address does not exist.")
    house.decide(opened[2], "Ana", "approve", comment="Checked by phone.")
    evidence = (
        Evidence(id="history", type="http.request", state="found", value={"orders": 12, "returned": 1}),
        Evidence(id="credit", type="http.request", state="missing", reason="The service did not answer in 10 s."),
    )
    rich = house.gate(running, key="rich", reason=LONG, evidence=evidence, risk="low", confidence=0.31)
    _look_at(house, rich.gate_id, rich.revision)
    failed = house.execute(state="running")
    reason = {
        "code": "connector_failed",
        "message": "csv.read could not read orders.csv: line 17 has 5 columns instead of 6.",
        "remedy": "Correct the file and restart the execution.",
        "task": "orders",
    }
    house.db.write_sync(lambda tx: executions.set_state(tx, NS, failed, "failed", reason, failed=["orders"]))
    done = house.execute(state="running")
    house.db.write_sync(lambda tx: executions.set_state(tx, NS, done, "succeeded", None, outputs={"decided": 60}))
    for _ in range(8):
        house.execute(state="cancelled")
    house.save(_second_revision())
    house.db.write_sync(lambda tx: _oddments(tx, house))
    links = {
        purpose: house.db.write_sync(lambda tx, p=purpose: _link(tx, house, p)) for purpose in ("sign-in", "password")
    }
    event = house.db.read_sync(lambda tx: read.search(tx, NS, execution_id=running, limit=1).items[0].event_id)
    return {
        "gate_id": rich.gate_id,
        "execution_id": running,
        "flow_id": "order-risk",
        "link_page.token": links["sign-in"],
        "password_page.token": links["password"],
        "mail_link_page.token": letter(house, rich),
        "event_id": event,
        "principal_id": house.actors["Ben"].principal_id,
        "number": "1",
        "gate_passage.number": "0",
        "group_page.name": "fraud",
        "revision": "1",
        "collection": "fraud-policy",
        "name": "fraud-policy",
    }


def _second_revision() -> str:
    from tests.browser.house import EXAMPLES

    text = (EXAMPLES / "order-risk.yaml").read_text()
    return text.replace("default: 20", "default: 25").replace("alert_percent\n", "alert_percent\n", 1)


def _look_at(house: House, gate_id: str, revision: int) -> None:
    ana, ben = house.actors["Ana"], house.actors["Ben"]

    def unit(tx: Any) -> None:
        seen = Viewed(namespace=NS, gate_id=gate_id, actor=ben, revision=revision)
        handling.viewed(tx, house.journal, seen)
        handling.claim(tx, house.journal, Claim(namespace=NS, gate_id=gate_id, actor=ben))
        handling.comment(
            tx, house.journal, Comment(namespace=NS, gate_id=gate_id, actor=ana, text="Who knows this customer?")
        )

    house.db.write_sync(unit)


def _oddments(tx: Any, house: House) -> None:
    pauses.pause(tx, NS, flow_id="order-risk", by="Root", reason="The sheet is being moved.")
    principals.create_service(tx, NS, "Make scenario")
    house.journal.append(tx, Record(namespace=NS, kind="verify.run", via="cli", outcome="VERIFIED"))


def _link(tx: Any, house: House, purpose: Any) -> str:
    vic, hour = house.actors["Vic"].principal_id, timedelta(hours=1)
    return sign_in_links.make(tx, house.journal, NS, vic, purpose, life=hour, via="cli")[0].rpartition("/")[2]


def letter(house: House, gate: Opened) -> str:
    """The token of the link that Ana gets by mail."""
    until = int((house.db.clock() + timedelta(days=1)).timestamp())
    ana = house.actors["Ana"].principal_id
    grant = Grant(
        NS, gate.gate_id, gate.revision, gate.action_digest, ana, mark(house.services, "ana@example.com"), until
    )
    return make(house.services, grant).rpartition("/")[2]
