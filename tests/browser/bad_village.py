"""A house in which people and machines write hostile text wherever the product lets them: every string, several times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from tests.browser.house import EXAMPLES, NS, House
from tests.browser.village import settle
from tests.support.hostile import hostile_strings, sample
from workflows.arbiter import handling
from workflows.arbiter.model import Comment, Opened
from workflows.gates.model import Evidence
from workflows.store.repositories import executions, keys, pauses, principals
from workflows.usecases import start

Json = Any
PACKED = 120
"""Strings to a text: so a few gates hold all of them."""


def packs(strings: Sequence[str]) -> Iterator[str]:
    """The strings, many to a text, each on a line of its own as far as they have no lines themselves."""
    for first in range(0, len(strings), PACKED):
        yield "\n".join(strings[first : first + PACKED])


def settle_badly(house: House) -> tuple[dict[str, str], list[str]]:
    """Fill the house with hostile text. Returns the names for addresses, and all gates that hold the strings."""
    names = settle(house)
    strings = [text.replace("\x00", "") for text in hostile_strings()]
    gates = [_gate(house, names["execution_id"], number, text) for number, text in enumerate(packs(strings))]
    house.db.write_sync(lambda tx: _people(tx, sample(30)))
    for text in sample(24):
        _run(house, text)
    house.save(_flow(), message=" ".join(sample(12)))
    house.db.write_sync(
        lambda tx: pauses.pause(tx, NS, flow_id="order-risk", by=strings[40], reason=" ".join(sample(8)))
    )
    return {**names, "gate_id": gates[0].gate_id}, [gate.gate_id for gate in gates]


def _flow() -> str:
    """The example's flow with a description that is hostile; double braces would be an expression."""
    source = (EXAMPLES / "order-risk.yaml").read_text()
    first, _, rest = source.partition("description: ")
    text = "; ".join(one for one in sample(40) if "{" not in one and "\x00" not in one)[:1500]
    described = yaml.safe_dump(text, default_style='"', width=10**6)
    return f"{first}description: {described}{rest.partition(chr(10))[2]}"


def _gate(house: House, execution: str, number: int, text: str) -> Opened:
    lines = text.split("\n")
    order = {
        "order_id": lines[0][:200],
        "email": lines[1 % len(lines)],
        "amount": 1200.0,
        "country": lines[2 % len(lines)],
        "purchases_24h": 2,
        "notes": text,
    }
    evidence = (
        Evidence(id="passages", type="rag.search", state="found", value={"text": text, lines[3 % len(lines)]: lines}),
        Evidence(id="gone", type="http.request", state="missing", reason=lines[4 % len(lines)]),
    )
    gate = house.gate(execution, order, key=f"bad{number}", reason=text, evidence=evidence)
    actor = house.actors["Ana"]
    said = Comment(namespace=NS, gate_id=gate.gate_id, actor=actor, text=text[:9000])
    house.db.write_sync(lambda tx: handling.comment(tx, house.journal, said))
    return gate


def _run(house: House, text: str) -> None:
    request = start.Start(
        namespace=NS,
        flow_id="order-risk",
        actor=house.actors["Cleo"],
        via="console",
        inputs={"file": text[:200] or "x"},
        labels={"note": text[:200]},
        reference=text[:200],
    )
    number = house.run(start.start(house.services, request)).result.execution
    reason = {"code": "failed", "message": text, "remedy": text, "task": text[:60]}
    house.db.write_sync(lambda tx: executions.set_state(tx, NS, number, "failed", reason, failed=[text[:60]]))


def _people(tx: Any, strings: list[str]) -> None:
    for number, text in enumerate(strings):
        person = principals.create_person(tx, NS, text[:120].replace("\x00", "") or "x", f"bad{number}@example.com")
        principals.add_member(tx, NS, "fraud", person.id)
        keys.create(tx, NS, person.id, text[:120].replace("\x00", ""), ("gates:read",))
