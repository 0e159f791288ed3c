"""Everybody at once: however it falls, a gate ends once and everyone is told the truth."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from functools import partial

import pytest

from workflows.arbiter import deciding, expiring, withdrawing
from workflows.arbiter.bulk import bulk_decide
from workflows.arbiter.model import Decided, Refused, Withdraw
from workflows.arbiter.opening import open_gate
from workflows.flow.planned import StagePlan
from workflows.store.db import Database

NS = "sales"
DECIDERS = 16


@pytest.fixture
def crowd(office):
    for number in range(DECIDERS):
        office.hire(f"p{number}", groups=("fraud",), roles=("reviewer",))
    return office


@pytest.fixture
def second(office, store_url):
    """Another process's view of the same store."""
    database = Database(store_url, clock=office.clock)
    yield database
    database.close()


async def test_of_sixteen_deciders_one_wins_and_fifteen_learn_who(crowd, second):
    """From two processes at once, on several gates: exactly one decision each."""
    for item in range(4):
        gate = crowd.open(item=str(item))
        databases = [crowd.database, second]
        calls = [
            partial(
                deciding.decide,
                journal=crowd.journal,
                request=crowd.deciding(gate, f"p{n}", random.Random(n + item).choice(["approve", "reject"])),
            )
            for n in range(DECIDERS)
        ]
        answers = await asyncio.gather(*(databases[n % 2].write(call) for n, call in enumerate(calls)))
        winners = [answer for answer in answers if isinstance(answer, Decided)]
        losers = [answer for answer in answers if isinstance(answer, Refused)]
        (row,) = crowd.standing(gate.gate_id)
        assert [winner.decision_id for winner in winners] == [row.id]
        assert {loser.code for loser in losers} == {"already_decided"}
        assert {loser.detail["by"] for loser in losers} == {row.snapshot["name"]}
    assert len(crowd.doorbells()) == 4


async def test_a_quorum_is_reached_once_by_a_crowd(crowd, second, plan):
    """Of sixteen yeses at a quorum of three, exactly three are votes."""
    gate = crowd.open(plan(stages=(StagePlan(groups=("fraud",), quorum=3),)))
    answers = await asyncio.gather(
        *(
            (crowd.database, second)[n % 2].write(
                partial(deciding.decide, journal=crowd.journal, request=crowd.deciding(gate, f"p{n}"))
            )
            for n in range(DECIDERS)
        )
    )
    counted = [answer for answer in answers if isinstance(answer, Decided)]
    assert sorted(answer.missing for answer in counted) == [0, 1, 2]
    assert len(crowd.standing(gate.gate_id)) == 1


@pytest.mark.parametrize("seed", range(6))
async def test_approval_rejection_expiry_and_withdrawal_exclude_each_other(crowd, second, seed):
    """At the very moment of expiry: one of them happened, and the gate, the decision and the answers agree."""
    gate = crowd.open()
    crowd.clock.forward(hours=1 if seed % 2 else 0.5)
    withdrawal = Withdraw(namespace=NS, execution_id="e1", reason="cancelled")
    units = [
        partial(deciding.decide, journal=crowd.journal, request=crowd.deciding(gate, "p0")),
        partial(deciding.decide, journal=crowd.journal, request=crowd.deciding(gate, "p1", "reject")),
        partial(expiring.expire, journal=crowd.journal, namespace=NS, gate_id=gate.gate_id),
        partial(withdrawing.withdraw, journal=crowd.journal, request=withdrawal),
    ]
    random.Random(seed).shuffle(units)
    await asyncio.gather(*((crowd.database, second)[n % 2].write(unit) for n, unit in enumerate(units)))
    outcome = crowd.load(gate).outcome
    standing = crowd.standing(gate.gate_id)
    assert outcome is not None
    assert [row.outcome for row in standing] == ([] if outcome == "withdrawn" else [outcome])
    ends = Counter(
        kind for kind in crowd.kinds() if kind in {"decision.submitted", "decision.expired", "gate.withdrawn"}
    )
    assert sum(ends.values()) == 1


async def test_two_workers_open_the_same_gate_and_ask_once(office, second):
    """A zombie and its successor: one gate, one revision, one request on record."""
    request = office.asking()
    unit = partial(open_gate, journal=office.journal, request=request)
    opened = await asyncio.gather(*((office.database, second)[n % 2].write(unit) for n in range(8)))
    assert sum(each.created for each in opened) == 1
    assert {(each.gate_id, each.revision) for each in opened} == {(opened[0].gate_id, 1)}
    assert office.kinds() == ["approval.requested"]


async def test_of_120_decisions_sent_at_once_three_stale_ones_are_named_and_117_count(office):
    """Each item has its own revision and digest, and its own transaction."""
    opened = [office.open(item=str(n), order=n) for n in range(120)]
    stale = {5, 50, 119}
    for n in stale:
        office.open(item=str(n), order=n, amount=999)
    requests = [office.deciding(gate, "ann", idempotency_key="bulk-1") for gate in opened]

    result = await bulk_decide(office.database, office.journal, requests)

    assert len(result.decided) == 117
    assert {item.gate_id for item in result.refused} == {opened[n].gate_id for n in stale}
    assert {item.refused.code for item in result.refused if item.refused} == {"stale_revision"}
    assert [item.gate_id for item in result.items] == [gate.gate_id for gate in opened]
    again = await bulk_decide(office.database, office.journal, requests)
    assert again == result
    assert sum(len(office.standing(gate.gate_id)) for gate in opened) == 117
