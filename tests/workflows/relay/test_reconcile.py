"""A workflow ended from outside does not leave people deciding for nobody."""

from __future__ import annotations

from datetime import timedelta

from tests.support import rows
from tests.workflows.relay.conftest import NS, started
from workflows.relay.reconcile import BATCH, Reconciler
from workflows.store.repositories import executions, gates
from workflows.usecases.results import result


async def terminated(services, switch):
    execution = await started(services)
    await switch.alive.client.get_workflow_handle(execution).terminate("by an operator")
    return execution


async def test_a_terminated_execution_ends_and_its_gates_are_withdrawn(services, greet, switch, clock):
    from workflows.relay.loop import Relay

    execution = await terminated(services, switch)
    services.db.write_sync(lambda tx: rows.gate(tx, NS, "g1", execution_id=execution, workflow_id=execution))
    await Relay(services).tick()
    clock.advance(60)
    assert await Reconciler(services).look() == [execution]
    ended = await result(services, NS, execution)
    assert (ended.state, ended.reason.code) == ("failed", "workflow_ended")
    gate = services.db.read_sync(lambda tx: gates.get(tx, NS, "g1"))
    assert gate.state == "withdrawn"
    assert await Reconciler(services).look() == []


async def test_what_runs_what_just_began_and_what_temporal_does_not_know_stays(services, greet, switch, clock):
    from workflows.relay.loop import Relay

    await started(services)
    await Relay(services).tick()
    services.db.write_sync(lambda tx: rows.execution(tx, NS, "unknown", flow_id="greet", workflow_id="unknown"))
    clock.advance(60)
    fresh = await terminated(services, switch)
    assert await Reconciler(services).look() == []
    assert (await result(services, NS, fresh)).state == "created"
    assert (await result(services, NS, "unknown")).state == "created"


async def test_many_are_looked_at_a_few_at_a_time_and_all_in_the_end(services, greet, clock):
    def many(tx):
        for number in range(BATCH + 5):
            rows.execution(tx, NS, f"e{number:03}", flow_id="greet", workflow_id=f"w{number}")

    services.db.write_sync(many)
    clock.advance(60)
    asked = []

    class Asked:
        async def is_open(self, workflow_id):
            asked.append(workflow_id)
            return True

    looking = type(services)(**{name: getattr(services, name) for name in services.__slots__} | {"gateway": Asked()})
    reconciler = Reconciler(looking, every=timedelta(0), settled=timedelta(0))
    await reconciler.maybe()
    assert len(asked) == BATCH
    await reconciler.maybe()
    assert len(set(asked)) == BATCH + 5


async def test_an_execution_asked_to_stop_counts_as_cancelled(services, greet, switch, clock):
    from workflows.relay.loop import Relay

    execution = await terminated(services, switch)
    await Relay(services).tick()
    services.db.write_sync(lambda tx: executions.request_cancel(tx, NS, execution))
    clock.advance(60)
    await Reconciler(services).look()
    assert (await result(services, NS, execution)).state == "cancelled"
