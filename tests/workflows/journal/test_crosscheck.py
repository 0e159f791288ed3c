"""The business rows against their records: whatever happens properly agrees, and whatever is edited afterwards is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support import tamper
from tests.workflows.arbiter.conftest import NS, ManualClock, Office, make_plan
from workflows.arbiter.ending import end_execution
from workflows.contracts import RecordIn, Where
from workflows.flow.normal import revision_sha256
from workflows.flow.planned import StagePlan
from workflows.journal.erase import erase
from workflows.journal.findings import Verdict
from workflows.journal.keyring import Keyring
from workflows.journal.records import Journal, Record
from workflows.journal.verify import verify
from workflows.store.db import Database, Tx
from workflows.store.repositories import executions, flows

BUNDLE = {"flow": {"id": "order-risk", "tasks": [{"id": "score", "threshold": 1.0}]}, "files": {}}
TWO = make_plan(stages=(StagePlan(groups=("fraud",), quorum=2),))


@pytest.fixture
def office(database: Database, journal: Journal) -> Office:
    """A saved flow, a running execution that ``req`` asked for, and two people of the group ``fraud``."""
    clock = ManualClock()
    database.clock = clock
    made = Office(database, journal, clock)
    for name in ("ann", "bob"):
        made.hire(name, groups=("fraud",), roles=("reviewer",))
    made.hire("req")
    made.hire("adm", roles=("admin",))
    made.tx(_save_flow)
    made.execution()
    made.tx(lambda tx: _requested(tx, made))
    return made


def _save_flow(tx: Tx) -> None:
    flows.save_revision(
        tx, NS, "order-risk", sha256=revision_sha256(BUNDLE), source_text="", bundle=BUNDLE, plan={}, author_id=None,
        source="cli",
    )  # fmt: skip


def _requested(tx: Tx, office: Office) -> None:
    person = office.people["req"].principal_id
    tx.conn.exec_driver_sql(f"update executions set requester_id = '{person}'")
    office.journal.append(tx, Record(namespace=NS, kind="execution.created", actor_id=person, execution_id="e1"))


def _end(office: Office, generation: int = 0, state: str = "succeeded") -> None:
    where = Where(
        namespace=NS,
        execution_id="e1",
        flow_id="order-risk",
        revision=1,
        revision_sha256="0" * 64,
        generation=generation,
    )
    office.tx(lambda tx: end_execution(tx, office.journal, RecordIn(where=where, kind="ended", state=state)))


def _said(office: Office) -> str:
    report = verify(office.database, office.journal.keyring)
    return "\n".join(str(finding) for finding in report.findings)


@pytest.fixture
def decided(office: Office) -> Office:
    """Ann and Bob approved, one after the other; Ann's is a vote, Bob's made the decision."""
    gate = office.open(TWO, requester="req")
    office.decide(gate, "ann")
    office.clock.forward(seconds=1)
    office.decided(gate, "bob")
    office.load(gate)
    _end(office)
    assert verify(office.database, office.journal.keyring).verdict is Verdict.VERIFIED, _said(office)
    return office


ANN = "where principal_id = (select id from principals where name = 'ann')"
OTHER = "(select id from principals where name = 'adm')"


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (f"update votes set action = 'reject' {ANN}", "says reject, its record approve"),
        (f"update votes set action = 'edit' {ANN}", "says edit, its record approve"),
        ("update votes set action = 'reject'", "says reject, its record approve"),
        (f"update votes set principal_id = {OTHER} {ANN}", "has no record"),
        (f"delete from votes {ANN}", "is recorded, its row is gone"),
        ("update votes set revision = 7", "has no record"),
        ("update votes set created_at = '2020-01-01 00:00:00'", "has no record"),
        ("update decisions set reason_code = 'made_up'", "gives the reason made_up, its record None"),
        ("update decisions set decided_at = '2020-01-01 00:00:00'", "is dated 2020-01-01T00:00:00.000000Z, its record"),
        ("""update decisions set fields = '{"risk": "high", "reason": "small order"}'""", "holds other fields"),
        ("update decisions set fields = null", "holds other fields"),
        ("update gates set state = 'open'", "is open, its records leave it decided"),
        ("update gates set state = 'withdrawn'", "is withdrawn, its records leave it decided"),
        (f"update gates set requester_id = {OTHER}", "as requester, the execution's record"),
        ("update gates set requester_id = null", "names None as requester"),
        (f"update executions set requester_id = {OTHER}", "as requester, its record"),
        ("update executions set state = 'failed'", "is failed, its record says it ended succeeded"),
        ("update executions set state = 'running'", "is running, its record says it ended succeeded"),
        ("""update revisions set bundle = '{"flow": {}, "files": {}}'""", "is not the content that its sha256 names"),
        ("update revisions set bundle = '[9007199254740993]'", "is not the content that its sha256 names"),
        ("update revisions set sha256 = 'other'", "is not the content that its sha256 names"),
    ],
)
def test_an_edited_row_is_found_and_the_difference_named(decided: Office, edit: str, says: str) -> None:
    assert tamper.run(decided.database, edit) >= 1
    assert verify(decided.database, decided.journal.keyring).verdict is Verdict.TAMPERED
    assert says in _said(decided)


def test_a_vote_that_nobody_cast_is_found(decided: Office) -> None:
    names = "namespace, gate_id, revision, stage, principal_id, action, via, snapshot, created_at, voided_at"
    given = names.replace("principal_id", OTHER).replace("voided_at", "created_at")
    tamper.run(decided.database, f"insert into votes (id, {names}) select 'forged', {given} from votes {ANN}")
    assert "vote forged (approve by" in _said(decided)


def test_an_end_is_checked_in_its_own_generation(decided: Office) -> None:
    """A restart makes the execution live again; an older generation's end says nothing about the new one."""
    decided.tx(lambda tx: executions.reopen(tx, NS, "e1", workflow_id="wf-2", reruns={}))
    assert _said(decided) == ""
    _end(decided, generation=1, state="failed")
    assert _said(decided) == ""
    tamper.run(decided.database, "update executions set generation = 0, state = 'succeeded'")
    assert "is succeeded, its record says it ended failed" in _said(decided)


def _undone(office: Office) -> None:
    gate = office.open(requester="req")
    office.decided(gate, "ann", undo_window=timedelta(minutes=1))
    office.undo(gate, "ann")


def _undone_edit(office: Office) -> None:
    gate = office.open(requester="req")
    office.decided(gate, "ann", "edit", fields={"risk": "high"}, undo_window=timedelta(minutes=1))
    office.undo(gate, "ann")


def _edited_by_one_approved_by_another(office: Office) -> None:
    gate = office.open(TWO, requester="req")
    edited = office.decided(gate, "ann", "edit", fields={"risk": "high"})
    office.decided(gate, "bob", revision=edited.revision, action_digest=edited.action_digest)


def _voted_again_at_once(office: Office) -> None:
    """The clock stands still: two votes of one person bear the same instant."""
    gate = office.open(TWO, requester="req")
    office.decide(gate, "ann")
    office.decide(gate, "ann")
    office.decided(gate, "ann", "reject")


def _superseded(office: Office) -> None:
    gate = office.open(requester="req")
    office.decided(gate, "ann")
    office.load(gate)
    office.open(requester="req", amount=130)


def _changes_requested(office: Office) -> None:
    gate = office.open(requester="req")
    office.decided(gate, "ann", "request_changes", comment="look again")


def _expired_and_asked_again(office: Office) -> None:
    gate = office.open(requester="req")
    office.clock.forward(hours=2)
    office.expire(gate)
    office.open(requester="req", generation=1)


def _withdrawn(office: Office) -> None:
    office.open(requester="req")
    office.withdraw()


def _erased(office: Office) -> None:
    gate = office.open(TWO, requester="req")
    office.decide(gate, "ann")
    office.decided(gate, "bob", "reject", comment="no")
    office.tx(lambda tx: erase(tx, office.journal, NS, "execution:e1", by=None, via="cli", legal_basis="asked"))


@pytest.mark.parametrize(
    "life",
    [_undone, _undone_edit, _edited_by_one_approved_by_another, _voted_again_at_once, _superseded, _changes_requested,
     _expired_and_asked_again, _withdrawn, _erased],
)  # fmt: skip
def test_what_happened_properly_is_no_finding(office: Office, life: Any) -> None:
    life(office)
    assert _said(office) == ""


def test_an_erased_content_says_nothing_about_fields_and_all_else_is_still_checked(office: Office) -> None:
    _erased(office)
    tamper.run(office.database, "update decisions set fields = null")
    assert _said(office) == ""
    tamper.run(office.database, "update decisions set reason_code = 'made_up'")
    assert "gives the reason made_up" in _said(office)


def test_without_the_key_the_fields_stay_unchecked_and_the_verdict_is_incomplete(decided: Office) -> None:
    tamper.run(decided.database, "update decisions set fields = null")
    assert verify(decided.database, Keyring(b"w" * 32)).verdict is Verdict.INCOMPLETE
