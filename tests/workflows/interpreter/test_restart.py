"""Restart: the same execution goes on from what failed; nobody is asked twice and nothing happens twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.connections import Secrets
from tests.workflows.interpreter.remote import Remote
from tests.workflows.interpreter.stage import NAMESPACE, Stage
from workflows.activities.catalog import Catalog
from workflows.store import tables
from workflows.store.repositories import operations
from workflows.usecases.refusals import Refused
from workflows.usecases.restart import restart
from workflows.usecases.services import Services

FLOW = """
id: rows
inputs: [{id: rows, type: json}]
tasks:
  - id: each
    type: foreach
    items: "{{ inputs.rows }}"
    tasks:
      - id: review
        type: gate
        title: "Row {{ item.n }}"
        suggest:
          type: agent
          prompt: "{{ item | tojson }}"
          output: {risk: {type: string, enum: [low, high]}}
        approve: {reviewers: {groups: [fraud]}}
        on_approve:
          - {id: write, type: csv.write, path: sheet.csv, mode: append, rows: [{n: "{{ item.n }}"}]}
          - id: tell
            type: http.request
            connection: remote
            method: PUT
            path: "/rows/{{ item.n }}"
            retry: {attempts: 1}
"""


@pytest.fixture
def services(stage: Stage) -> Services:
    return Services(
        db=stage.db,
        journal=stage.deps.journal,
        gateway=stage.gateway,
        settings=stage.deps.settings,
        world=Catalog(),
        secrets=Secrets({}),
        callback_key=bytes(32),
    )


async def ended_again(stage: Stage, execution_id: str) -> Any:
    return await stage.ended(stage.client.get_workflow_handle(stage.execution(execution_id).workflow_id))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def test_only_the_failed_element_runs_again(stage: Stage, services: Services, remote: Remote) -> None:
    """Row 2's second effect fails; after a restart nobody is asked, no model is called, no other row is written."""
    handle = await stage.start(FLOW, {"rows": [{"n": n} for n in range(4)]})
    gates = await stage.open_gates(handle.id, 4)
    remote.answers.extend([200, 200, 400, 200])
    for done, gate in enumerate(gates, start=1):
        await stage.answer(gate)
        await stage.until(lambda count=done: len(remote.requests) == count)
    failed = await stage.ended(handle)
    assert failed.state == "failed"
    assert failed.failed is not None
    assert len(failed.failed) == 1
    calls = len(stage.db.read_sync(lambda tx: operations.of_execution(tx, NAMESPACE, handle.id)))

    await restart(services, NAMESPACE, handle.id, actor=stage.rita)
    again = await ended_again(stage, handle.id)
    assert again.state == "succeeded"
    assert again.id == handle.id
    assert len(remote.requests) == 5
    assert remote.requests[4] == remote.requests[2]
    assert len(lines(stage.files / "sheet.csv")) == 5
    after = stage.db.read_sync(lambda tx: operations.of_execution(tx, NAMESPACE, handle.id))
    assert len(after) == calls + 1
    assert all(gate.revision == 1 for gate in stage.gates(handle.id, only_open=False))


async def test_a_withdrawn_gate_is_asked_again_under_the_new_run(stage: Stage, services: Services) -> None:
    handle = await stage.start(FLOW, {"rows": [{"n": 0}]})
    [gate] = await stage.open_gates(handle.id)
    await stage.gateway.cancel(handle.id)
    assert (await stage.ended(handle)).state == "cancelled"

    await restart(services, NAMESPACE, handle.id, actor=stage.rita)
    [reopened] = await stage.open_gates(handle.id)
    assert reopened.id == gate.id
    await stage.answer(reopened)
    assert (await ended_again(stage, handle.id)).state == "succeeded"


async def test_only_an_ended_execution_can_be_restarted(stage: Stage, services: Services) -> None:
    handle = await stage.start(FLOW, {"rows": [{"n": 0}]})
    [gate] = await stage.open_gates(handle.id)
    with pytest.raises(Refused) as refused:
        await restart(services, NAMESPACE, handle.id, actor=stage.rita)
    assert refused.value.code == "execution_not_ended"
    await stage.answer(gate)
    await stage.ended(handle)


CLOCK = """
id: clock
tasks:
  - {id: note, type: file.write, path: note.txt, mode: append, content: "{{ execution.now }}\\n"}
  - {id: late, type: file.read, path: late.txt}
"""


async def test_an_applied_effect_stays_applied_when_a_restart_would_send_something_else(
    stage: Stage, services: Services
) -> None:
    """The moment of a restart is another one; what was written before is neither refused nor written again."""
    handle = await stage.start(CLOCK)
    assert (await stage.ended(handle)).state == "failed"
    written = lines(stage.files / "note.txt")
    (stage.files / "late.txt").write_text("there now")

    await restart(services, NAMESPACE, handle.id, actor=stage.rita)
    again = await ended_again(stage, handle.id)
    assert again.state == "succeeded", again.reason
    assert lines(stage.files / "note.txt") == written


@pytest.mark.parametrize("state", ["answered", "requested"])
async def test_a_failed_task_whose_effect_may_have_been_applied_keeps_its_operation(
    stage: Stage, services: Services, state: str
) -> None:
    """The task ended failed (its answer came too late, say), its effect did not: a restart does not do it again."""
    handle = await stage.start(CLOCK)
    assert (await stage.ended(handle)).state == "failed"
    (stage.files / "late.txt").write_text("there now")
    written = lines(stage.files / "note.txt")

    def as_if_too_late(tx: Any) -> None:
        [effect] = [row for row in operations.of_execution(tx, NAMESPACE, handle.id) if row.kind == "effect"]
        tx.conn.execute(sa.update(tables.operations).where(tables.operations.c.key == effect.key).values(state=state))
        ours = tables.executions.c.id == handle.id
        tx.conn.execute(sa.update(tables.executions).where(ours).values(failed=["note"]))

    stage.db.write_sync(as_if_too_late)
    await restart(services, NAMESPACE, handle.id, actor=stage.rita)
    await ended_again(stage, handle.id)
    assert not stage.execution(handle.id).reruns
    assert lines(stage.files / "note.txt") == written
