"""The relay delivers what was promised, whoever died in between, and delivers nothing twice on purpose."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.workflows.relay.conftest import ANN, NS, started
from workflows.relay.loop import Relay
from workflows.store.repositories import executions, outbox
from workflows.usecases.cancel import cancel
from workflows.usecases.delivery import start_row
from workflows.usecases.results import result


def pending(services):
    return services.db.read_sync(lambda tx: outbox.count_pending(tx, NS))


async def deliver(services, clock, *, after=3.0):
    """One look of a fresh relay, some seconds later."""
    clock.advance(after)
    relay = Relay(services)
    await relay.tick()
    await relay.settled()
    return relay


async def test_a_start_goes_through_in_line_and_is_marked_by_the_relay(services, greet, switch, clock):
    execution = await started(services)
    assert switch.calls == ["start"]
    assert await switch.alive.is_open(execution) is True
    assert pending(services) == 1, "marked later, with others, in one transaction"
    await deliver(services, clock)
    assert pending(services) == 0
    assert switch.calls == ["start"], "the relay did not start it again"


async def test_a_start_while_temporal_is_away_is_delivered_when_it_answers(services, greet, switch, clock):
    switch.cut = True
    execution = await started(services)
    await deliver(services, clock)
    assert pending(services) == 1
    row = services.db.read_sync(lambda tx: outbox.get(tx, NS, start_row(execution, 0)))
    assert row.attempts == 1
    assert "Temporal" in row.last_error
    switch.cut = False
    await deliver(services, clock, after=60)
    assert pending(services) == 0
    assert await switch.alive.is_open(execution) is True


async def test_a_process_that_dies_after_the_commit_leaves_a_row_that_another_delivers(services, greet, switch, clock):
    """As a kill between commit and call: the row is there, the call never went out."""

    async def dies(*_args, **_more):
        raise asyncio.CancelledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(switch), "__getattr__", lambda *_: dies)
        with pytest.raises(asyncio.CancelledError):
            await started(services)
    (row,) = services.db.read_sync(lambda tx: executions.list_executions(tx, NS)).items
    assert await switch.alive.is_open(row.id) is None
    await deliver(services, clock, after=2.0)
    assert await switch.alive.is_open(row.id) is True
    assert pending(services) == 0


async def test_a_row_in_the_hands_of_its_writer_is_left_alone_at_first(services, greet, switch, clock):
    switch.cut = True
    await started(services)
    switch.cut = False
    await deliver(services, clock, after=1.0)
    assert switch.calls == []
    await deliver(services, clock, after=1.5)
    assert switch.calls == ["start"]


async def test_a_bell_for_a_workflow_that_is_gone_counts_as_delivered(services, clock):
    add = {"kind": "doorbell", "target": "no-such-workflow", "payload": {"gate_id": "g"}}
    services.db.write_sync(lambda tx: outbox.add(tx, NS, **add))
    await deliver(services, clock)
    assert pending(services) == 0


async def test_rows_of_unknown_kinds_stay_and_hold_up_nobody(services, clock):
    def many(tx):
        for number in range(70):
            outbox.add(tx, NS, kind="postcard", target="gran", payload={}, item_id=f"n{number}")
        outbox.add(tx, NS, kind="doorbell", target="gone", payload={"what": "slot"}, item_id="bell")

    services.db.write_sync(many)
    await deliver(services, clock)
    assert services.db.read_sync(lambda tx: outbox.get(tx, NS, "bell")).delivered_at is not None
    assert pending(services) == 70


async def test_only_one_of_two_relays_works_at_a_time(services, clock):
    services.db.write_sync(lambda tx: outbox.add(tx, NS, kind="doorbell", target="a", payload={"what": "x"}))
    first = await deliver(services, clock)
    services.db.write_sync(lambda tx: outbox.add(tx, NS, kind="doorbell", target="b", payload={"what": "x"}))
    second = Relay(services)
    await second.tick()
    await second.settled()
    assert pending(services) == 1, "the first holds the lease"
    clock.advance(4)
    await second.tick()
    await second.settled()
    assert pending(services) == 0, "it lapsed"
    await first.settled()


async def test_a_relay_that_ends_in_order_hands_over_at_once(services, clock):
    services.db.write_sync(lambda tx: outbox.add(tx, NS, kind="doorbell", target="a", payload={"what": "x"}))
    first = Relay(services)
    task = asyncio.create_task(first.run())
    async with asyncio.timeout(10):
        while pending(services):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    services.db.write_sync(lambda tx: outbox.add(tx, NS, kind="doorbell", target="b", payload={"what": "x"}))
    second = Relay(services)
    await second.tick()
    await second.settled()
    assert pending(services) == 0


async def test_an_idle_relay_writes_nothing(services, monkeypatch):
    def written(*_args):
        raise AssertionError("an idle relay must not write")

    monkeypatch.setattr(type(services.db), "write", written)
    relay = Relay(services)
    for _ in range(3):
        await relay.tick()


async def test_a_cancellation_before_the_start_ends_the_execution_without_running_it(services, greet, switch, clock):
    switch.cut = True
    execution = await started(services)
    await cancel(services, NS, execution, actor=ANN)
    switch.cut = False
    await deliver(services, clock, after=3)
    await deliver(services, clock, after=60)
    assert (await result(services, NS, execution)).state == "cancelled"
    assert await switch.alive.is_open(execution) is None
    assert pending(services) == 0


async def test_a_cancellation_reaches_a_running_workflow_in_line(services, greet, switch):
    execution = await started(services)
    await cancel(services, NS, execution, actor=ANN)
    assert switch.calls == ["start", "cancel"]


async def test_a_poke_wakes_the_relay_before_its_tick(services, clock):
    slow = services.settings.model_copy(update={"relay_every": timedelta(minutes=1)})
    relay = Relay(type(services)(**{name: getattr(services, name) for name in services.__slots__} | {"settings": slow}))
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0)
    services.db.write_sync(lambda tx: outbox.add(tx, NS, kind="doorbell", target="a", payload={"what": "x"}))
    relay.poke()
    async with asyncio.timeout(10):
        while pending(services):
            await asyncio.sleep(0.01)
            relay.poke()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
