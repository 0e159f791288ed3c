"""The last question before an effect: what was approved, by whom, still standing, exactly this, and not paused."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from workflows.arbiter.model import Preflight, PreflightRefused
from workflows.arbiter.pause import pause, resume
from workflows.arbiter.preflight import preflight
from workflows.arbiter.undoing import revoke
from workflows.flow.planned import BudgetPlan, ExpirePlan
from workflows.gates.model import GateError
from workflows.store.repositories import breakers, budgets
from workflows.store.tables import gate_revisions

NS = "sales"


@pytest.fixture
def approved(office):
    gate = office.open()
    office.decided(gate, "ann")
    return office.load(gate)


def refused(office, outcome, **changes) -> PreflightRefused:
    with pytest.raises(PreflightRefused) as caught:
        office.preflight(outcome, **changes)
    return caught.value


def test_an_approved_effect_gets_one_permit_and_a_retry_gets_the_same(office, approved):
    first = office.preflight(approved)
    office.clock.forward(seconds=30)
    assert office.preflight(approved) == first
    assert office.kinds()[-1] == "permit.granted"
    assert office.kinds().count("permit.granted") == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"properties": {"connection": "sheet", "rows": [[17, "high"]]}}, "effect_mismatch"),
        ({"properties": {"connection": "other", "rows": [[17, "low"]]}}, "effect_mismatch"),
        ({"properties": {"connection": "sheet", "rows": [["17", "low"]]}}, "effect_mismatch"),
        ({"type": "email.send"}, "effect_mismatch"),
        ({"effect_path": "triage/review/other"}, "effect_mismatch"),
        ({"action_digest": "0" * 64}, "digest_mismatch"),
        ({"gate_id": "none"}, "gate_not_found"),
        ({"execution_id": "e2"}, "gate_not_found"),
        ({"decision_id": "another"}, "not_decided"),
    ],
)
def test_anything_else_than_what_was_approved_is_refused(office, approved, change, code):
    """Byte for byte: a number is not its text."""
    refusal = refused(office, approved, **change)
    assert (refusal.code, refusal.transient) == (code, False)
    assert "permit.granted" not in office.kinds()


def test_a_view_altered_in_the_store_is_noticed(office, approved):
    """The digest is computed again from the stored text."""
    office.tx(lambda tx: tx.conn.execute(sa.update(gate_revisions).values(view=gate_revisions.c.view + " ")))
    assert refused(office, approved).code == "digest_mismatch"


def test_without_a_decision_in_effect_nothing_runs(office, approved):
    gate = office.open(item="1")
    claimed = {"gate_id": gate.gate_id, "action_digest": gate.action_digest}
    assert refused(office, approved, **claimed).code == "not_decided"
    office.decided(gate, "ann", undo_window=timedelta(seconds=5))
    assert refused(office, approved, **claimed).code == "not_decided"


def test_a_no_permits_nothing(office, approved):
    gate = office.open(item="1")
    office.decided(gate, "ann", "reject")
    office.load(gate)
    assert refused(office, approved, gate_id=gate.gate_id, action_digest=gate.action_digest).code == "not_approved"


def test_a_timeout_permits_only_where_the_flow_says_approve(office, plan):
    gate = office.open(plan(expire=ExpirePlan(after_ms=1000, then="approve")))
    office.clock.forward(seconds=1)
    assert office.preflight(office.load(gate, due=True)).decision_id


def test_one_operation_is_permitted_for_one_thing(office, approved):
    office.preflight(approved)
    other = office.open(item="1")
    office.decided(other, "ann")
    assert refused(office, office.load(other)).code == "permit_used"


def test_an_undone_then_repeated_decision_does_not_carry_a_permit_over(office):
    gate = office.open()
    office.decided(gate, "ann", undo_window=timedelta(seconds=5))
    office.undo(gate, "ann")
    office.decided(gate, "bob", "reject")
    office.load(gate)
    claim = office.asking()
    request = Preflight(
        namespace=NS, execution_id="e1", flow_id="order-risk", op_id="op", type="sheets.append", properties={},
        gate_id=gate.gate_id, action_digest=claim.action_digest, effect_path="triage/review/write",
    )  # fmt: skip
    with pytest.raises(PreflightRefused, match="not approved"):
        office.tx(lambda tx: preflight(tx, office.journal, request))


def test_a_revoked_decision_stands_and_permits_nothing(office, approved):
    request = office.handle(approved, "adm")
    office.tx(lambda tx: revoke(tx, office.journal, request, "wrong customer"))
    assert refused(office, approved).code == "revoked"
    assert office.load(approved).meta["decision"] == "approved"
    with pytest.raises(GateError, match="may not revoke"):
        office.tx(lambda tx: revoke(tx, office.journal, office.handle(approved, "ann"), "x"))


@pytest.mark.parametrize("extent", [{}, {"flow_id": "order-risk"}])
def test_a_pause_stops_effects_and_leaves_decisions_open(office, approved, extent):
    """Paused is not refused for good: the effect is tried again and runs after the resume."""
    office.tx(lambda tx: pause(tx, office.journal, NS, office.people["adm"], reason="odd numbers", **extent))
    refusal = refused(office, approved)
    assert (refusal.code, refusal.transient) == ("paused", True)
    assert "adm: odd numbers" in str(refusal)
    assert office.decided(office.open(item="1"), "ann").decision_id
    assert office.tx(lambda tx: resume(tx, office.journal, NS, office.people["adm"], **extent))
    assert office.preflight(approved).decision_id
    assert [kind for kind in office.kinds() if kind.startswith("config")] == ["config.paused", "config.resumed"]


def test_a_pause_of_another_flow_stops_nothing_here(office, approved):
    office.tx(lambda tx: pause(tx, office.journal, NS, office.people["adm"], reason="x", flow_id="other"))
    assert office.preflight(approved).decision_id


def test_only_admins_pause_and_only_the_operator_pauses_everything(office):
    for who, options in (("ann", {}), ("adm", {"all_": True})):
        with pytest.raises(GateError) as caught:
            office.tx(
                lambda tx, who=who, options=options: pause(
                    tx, office.journal, NS, office.people[who], reason="x", **options
                )
            )
        assert caught.value.code == "not_permitted"


def test_effects_without_a_gate_ask_about_pause_budget_and_breaker_only(office):
    request = Preflight(
        namespace=NS, execution_id="e1", flow_id="order-risk", op_id="op", type="http.request",
        properties={"connection": "crm"}, budget=BudgetPlan(tokens=10),
    )  # fmt: skip

    def ask():
        return office.tx(lambda tx: preflight(tx, office.journal, request))

    assert ask().decision_id is None
    breaker = {"threshold": 1, "cooldown": timedelta(minutes=1)}
    office.tx(lambda tx: breakers.failed(tx, NS, "crm", **breaker))
    with pytest.raises(PreflightRefused) as caught:
        ask()
    assert (caught.value.code, caught.value.transient) == ("breaker_open", True)
    office.clock.forward(minutes=1)
    limits = {"usd_limit": None, "tokens_limit": None}
    office.tx(lambda tx: budgets.reserve(tx, NS, "e1", "call", usd=0, tokens=11, **limits))
    with pytest.raises(PreflightRefused) as caught:
        ask()
    assert (caught.value.code, caught.value.transient) == ("budget", False)
