"""Deciding: what counts, what is refused and how it is worded, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from workflows.arbiter.deciding import decide
from workflows.arbiter.handling import claim
from workflows.arbiter.model import Claim, Decided, Refused
from workflows.flow.planned import StagePlan
from workflows.gates.model import GateState, Outcome
from workflows.store.repositories import principals
from workflows.store.tables import audit_event

NS = "sales"


def test_an_approval_is_one_decision_one_doorbell_and_lets_the_execution_go_on(office):
    """The whole way of a yes: asked, submitted, effective, and the doorbell names the gate alone."""
    gate = office.open(parked=True)
    assert office.execution_state() == ("waiting", "waiting_for_decision")

    answer = office.decided(gate, "ann")

    assert (answer.outcome, answer.state, answer.missing) == (Outcome.APPROVED, GateState.DECIDED, 0)
    assert office.execution_state() == ("running", None)
    (bell,) = office.doorbells()
    assert (bell.target, bell.payload) == ("wf-e1", {"gate_id": gate.gate_id})
    outcome = office.load(gate)
    assert outcome.permits
    assert outcome.fields == {"risk": "low", "reason": "small order"}
    assert outcome.effects[0].properties == {"connection": "sheet", "rows": [[17, "low"]]}
    assert outcome.meta["decision"] == "approved"
    assert outcome.meta["by"] == "ann"
    assert office.kinds() == ["approval.requested", "decision.submitted", "decision.effective"]


def test_the_decision_snapshots_who_by_which_right_and_signed_in_how(office):
    """Later changes of groups or roles change nothing about what is on record."""
    gate = office.open()
    office.decided(gate, "ann")
    (row,) = office.standing(gate.gate_id)
    assert row.actor_id == office.people["ann"].principal_id
    assert row.snapshot == {
        "name": "ann",
        "right": "group:fraud",
        "sign_in": "key:1",
        "groups": ["fraud"],
        "roles": ["reviewer"],
    }


def test_what_people_say_never_stands_in_the_open_part_of_the_journal(office):
    """Names and comments are content (erasable); the record's meta holds ids and rights only."""
    gate = office.open()
    office.decided(gate, "ann", "reject", comment="Mr Smith is on the list")
    for row in office.rows(sa.select(audit_event.c.meta)):
        assert "Smith" not in row.meta
        assert '"ann"' not in row.meta


@pytest.mark.parametrize(
    ("who", "why"),
    [("bot", "service"), ("out", "no_right"), ("viv", "no_role"), ("lea", "no_right"), ("adm", "no_right")],
)
def test_who_may_not_decide_is_refused_and_the_attempt_is_on_record(office, who, why):
    """Services are not people; a role without the group, and a group without the role, are both not enough."""
    gate = office.open()
    refusal = office.refused(gate, who)
    assert (refusal.code, refusal.status, refusal.detail["why"]) == ("not_permitted", 403, why)
    assert office.kinds() == ["approval.requested", "decision.denied"]
    assert office.load(gate).outcome is None


@pytest.mark.parametrize("action", ["approve", "reject", "edit", "request_changes"])
def test_the_requester_may_not_decide_under_any_identity(office, action):
    """A person with a second identity is the same principal, so it is still self-approval."""
    principal = office.people["req"].principal_id
    office.tx(lambda tx: principals.add_identity(tx, NS, principal, "slack", "T1:U1"))
    gate = office.open(requester="req")
    office.people["slack-req"] = office.people["req"].model_copy(
        update={"name": "someone else", "via": "slack", "sign_in": "slack:T1:U1"}
    )
    refusal = office.refused(gate, "slack-req", action, comment="x", fields={"risk": "high"})
    assert (refusal.code, refusal.detail["why"]) == ("not_permitted", "self_approval")


def test_rights_come_from_the_store_and_not_from_the_request(office):
    """An actor who claims groups and roles they do not have gains nothing."""
    gate = office.open()
    office.people["liar"] = office.people["out"].model_copy(update={"groups": ("fraud",), "roles": ("admin",)})
    assert office.refused(gate, "liar").code == "not_permitted"


def test_a_disabled_person_may_not_decide(office):
    gate = office.open()
    office.tx(lambda tx: principals.disable(tx, NS, office.people["ann"].principal_id))
    assert office.refused(gate, "ann").detail["why"] == "unknown"


def test_a_gate_of_another_namespace_does_not_exist(office):
    gate = office.open()
    request = office.deciding(gate, "ann").model_copy(update={"namespace": "other"})
    answer = office.tx(lambda tx: decide(tx, office.journal, request))
    assert isinstance(answer, Refused)
    assert (answer.code, answer.status) == ("gate_not_found", 404)


def test_a_decision_on_what_somebody_saw_earlier_is_refused(office):
    """Both the number and the digest must be those of the newest revision."""
    gate = office.open()
    assert office.refused(gate, "ann", revision=2).code == "stale_revision"
    assert office.refused(gate, "ann", action_digest="0" * 64).code == "digest_mismatch"


def test_a_second_decision_is_told_who_decided_what_and_when(office):
    gate = office.open()
    office.decided(gate, "ann", "reject")
    refusal = office.refused(gate, "bob")
    assert refusal.code == "already_decided"
    assert refusal.detail["by"] == "ann"
    assert refusal.detail["outcome"] == "rejected"
    assert "rejected by ann at 2026-11-22 09:00:00 UTC" in refusal.message


def test_the_same_idempotency_key_gets_the_same_answer(office):
    """Also after the gate is decided; a key that comes with another request is refused."""
    gate = office.open()
    first = office.decided(gate, "ann", idempotency_key="k1")
    office.clock.forward(minutes=1)
    assert office.decided(gate, "ann", idempotency_key="k1") == first
    assert office.refused(gate, "ann", "reject", idempotency_key="k1").code == "idempotency_key_reused"
    assert len(office.standing(gate.gate_id)) == 1


def test_a_rejection_needs_one_of_the_reasons_or_words(office):
    gate = office.open()
    assert office.refused(gate, "ann", "reject", reason_code=None).code == "invalid_reason"
    unknown = office.refused(gate, "ann", "reject", reason_code="mood")
    assert unknown.code == "invalid_reason"
    assert "wrong_data" in unknown.remedy
    answer = office.decided(gate, "ann", "reject", reason_code=None, comment="not ours")
    assert answer.outcome is Outcome.REJECTED
    outcome = office.load(gate)
    assert not outcome.permits
    assert outcome.fields is None
    assert outcome.effects == ()


def test_a_late_decision_writes_the_expiry_instead_and_says_so(office, plan):
    """The arbiter's clock decides, also when no timer ever rang; what it wrote is committed."""
    gate = office.open()
    office.clock.forward(hours=1)
    refusal = office.refused(gate, "ann")
    assert (refusal.code, refusal.detail["then"]) == ("expired", "reject")
    (row,) = office.standing(gate.gate_id)
    assert (row.outcome, row.actor_kind) == ("expired", "timeout")
    assert office.refused(gate, "bob").code == "already_decided"
    assert office.kinds()[-1] == "decision.expired"


def test_somebody_elses_claim_blocks_until_it_lapses_but_not_an_admin_reviewer(office, plan):
    office.hire("boss", groups=("fraud",), roles=("admin",))
    gate, other = office.open(item="0"), office.open(item="1")
    for each in (gate, other):
        request = Claim(namespace=NS, gate_id=each.gate_id, actor=office.people["ann"])
        office.tx(lambda tx, request=request: claim(tx, office.journal, request))
    refusal = office.refused(gate, "bob")
    assert refusal.code == "claimed"
    assert refusal.message.startswith("ann is working on this gate")
    assert isinstance(office.decided(other, "boss"), Decided)
    office.clock.forward(minutes=10)
    assert isinstance(office.decided(gate, "bob"), Decided)


def test_a_quorum_waits_for_the_others_and_counts_each_person_once(office, plan):
    """Two of the group: the same person twice is one, and the answer says how many are missing."""
    gate = office.open(plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    assert office.decided(gate, "ann").missing == 1
    assert office.decided(gate, "ann").missing == 1
    assert office.load(gate).outcome is None
    assert office.decided(gate, "bob").outcome is Outcome.APPROVED
    assert office.kinds().count("decision.vote") == 2


def test_one_rejection_ends_it_whatever_others_said(office, plan):
    gate = office.open(plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    office.decided(gate, "ann")
    assert office.decided(gate, "bob", "reject").outcome is Outcome.REJECTED


def test_somebody_may_change_their_mind_while_others_are_missing(office, plan):
    gate = office.open(plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    office.decided(gate, "ann")
    assert office.decided(gate, "ann", "reject").outcome is Outcome.REJECTED


def test_all_means_everybody_in_the_group_who_may_decide(office, plan):
    """The requester is in the group and excluded, the viewer's vote is never given: so ``all`` names them as missing."""
    gate = office.open(plan(stages=(StagePlan(groups=("leads",), quorum="all"),)), requester="lea")
    office.hire("liv", groups=("leads",), roles=("reviewer",))
    assert office.decided(gate, "leo").missing == 1
    assert office.decided(gate, "liv").outcome is Outcome.APPROVED


def test_stages_are_passed_in_order(office, plan):
    """Leads come after fraud: before that, a lead has no right, and afterwards fraud has none."""
    gate = office.open(plan(stages=(StagePlan(groups=("fraud",)), StagePlan(groups=("leads",)))))
    assert office.refused(gate, "lea").code == "not_permitted"
    first = office.decided(gate, "ann")
    assert (first.stage, first.missing, first.outcome) == (1, 1, None)
    assert office.refused(gate, "bob").code == "not_permitted"
    assert office.decided(gate, "lea").outcome is Outcome.APPROVED


def test_changes_go_back_to_the_agent_and_end_at_the_limit(office, plan):
    """The workflow reads the comment and answers with a new revision; votes on the old one are void."""
    two = plan(stages=(StagePlan(groups=("fraud",), quorum=2),), max_rounds=1)
    gate = office.open(two)
    office.decided(gate, "bob")
    assert office.refused(gate, "ann", "request_changes").code == "invalid_reason"
    assert office.decided(gate, "ann", "request_changes", comment="cite the policy").outcome == "changes_requested"
    assert office.refused(gate, "bob").code == "already_decided"

    outcome = office.load(gate)
    assert (outcome.outcome, outcome.comment, outcome.round) == ("changes_requested", "cite the policy", 1)
    again = office.open(two, fields={"risk": "low", "reason": "see §2"}, round=1)

    assert (again.revision, again.state, again.outcome) == (2, GateState.OPEN, None)
    assert office.refused(again, "ann", "request_changes", comment="more").code == "not_revisable"
    assert office.decided(again, "ann").missing == 1
    assert office.decided(again, "bob").outcome is Outcome.APPROVED


def test_changes_need_somebody_who_can_make_them(office, plan):
    fixed = plan().model_copy(update={"suggest": None, "suggestion": {"risk": "low", "reason": "x"}})
    assert office.refused(office.open(fixed), "ann", "request_changes", comment="x").code == "not_revisable"
