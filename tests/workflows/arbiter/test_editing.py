"""Edits: typed, checked, rendered again, and the editor's own vote on a new revision."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.workflows.arbiter.conftest import SCHEMA
from workflows.arbiter.editing import preview_edit
from workflows.arbiter.model import PreviewEdit
from workflows.flow.planned import StagePlan
from workflows.gates.digest import action_digest
from workflows.gates.model import GateError, Outcome
from workflows.store.tables import gate_revisions

NS = "sales"


def preview(office, gate, fields, **more):
    request = PreviewEdit(namespace=NS, gate_id=gate.gate_id, revision=gate.revision, fields=fields, **more)
    return office.database.read_sync(lambda tx: preview_edit(tx, request))


def test_the_effects_are_worked_out_again_before_the_edit_is_confirmed(office):
    """What the preview showed is what is decided on, digest for digest."""
    gate = office.open()
    shown = preview(office, gate, {"risk": "medium"})
    assert shown.action_digest == action_digest(shown.view)
    assert '[[17,"medium"]]' in shown.view
    assert office.load(gate).revision == 1

    answer = office.decided(gate, "ann", "edit", fields={"risk": "medium"}, new_action_digest=shown.action_digest)

    assert (answer.outcome, answer.revision, answer.action_digest) == (Outcome.EDITED, 2, shown.action_digest)
    assert office.load(gate).fields == {"risk": "medium", "reason": "small order"}


def test_an_edit_that_would_become_something_else_than_was_shown_is_refused(office):
    gate = office.open()
    refusal = office.refused(gate, "ann", "edit", fields={"risk": "medium"}, new_action_digest="0" * 64)
    assert refusal.code == "digest_mismatch"
    assert office.load(gate).revision == 1


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"risk": "enormous"}, "risk"),
        ({"risk": 3}, "risk"),
        ({"iban": "ES00"}, "iban"),
        ({"risk": "low"}, "fields"),
        ({}, "fields"),
    ],
)
def test_each_wrong_field_gets_its_message(office, fields, named):
    """Types and choices come from the schema; only ``editable`` fields may change; no change is no edit."""
    refusal = office.refused(office.open(), "ann", "edit", fields=fields)
    assert (refusal.code, refusal.status) == ("invalid_edit", 422)
    assert refusal.detail["fields"][named]


def test_null_takes_an_optional_field_away_and_a_required_one_stays(office, plan):
    """As in a JSON merge patch: the answer that is decided on has no such field, rather than an empty one."""
    note = {"note": {"type": "string"}, "limit": {"type": "number"}}
    schema = SCHEMA | {"properties": SCHEMA["properties"] | note}
    loose = plan(editable=("note", "limit", "risk")).model_copy(update={"output_schema": schema})
    gate = office.open(loose, fields={"risk": "low", "reason": "small order", "note": "ask", "limit": 4})
    assert preview(office, gate, {"note": None}).fields == {"risk": "low", "reason": "small order", "limit": 4}
    office.decided(gate, "ann", "edit", fields={"note": None, "limit": None})
    assert office.load(gate).fields == {"risk": "low", "reason": "small order"}

    other = office.open(loose)
    assert office.refused(other, "ann", "edit", fields={"note": None}).detail["fields"]["fields"]
    assert "must be" in office.refused(other, "ann", "edit", fields={"risk": None}).detail["fields"]["risk"][0]


def test_what_nobody_named_stays_even_if_it_is_null(office, plan):
    """Only a change takes away: a null that the suggestion has, editable or not, is decided on as it was shown."""
    loose = plan(editable=("risk",)).model_copy(update={"output_schema": {"type": "object"}})
    gate = office.open(loose, fields={"risk": "low", "reason": "x", "note": None})
    assert preview(office, gate, {"risk": "high"}).fields == {"risk": "high", "reason": "x", "note": None}
    same = office.refused(gate, "ann", "edit", fields={"risk": "low"})
    assert same.detail["fields"] == {"fields": ["nothing was changed; approve instead"]}


def test_a_field_outside_editable_is_refused_although_the_schema_knows_it(office, plan):
    refusal = office.refused(office.open(plan(editable=("reason",))), "ann", "edit", fields={"risk": "high"})
    assert "reason" in refusal.detail["fields"]["risk"][0]


def test_an_edit_passes_the_rules_or_is_overridden_with_a_reason(office):
    """The override is visible: the failed rule stands in the view that was decided on."""
    gate = office.open(amount=9_000, fields={"risk": "high", "reason": "x"})
    edit = {"fields": {"risk": "low"}}
    refusal = office.refused(gate, "ann", "edit", **edit)
    assert refusal.detail["fields"] == {"rules": ["Over 5000 is never low."]}
    assert "comment" in office.refused(gate, "ann", "edit", **edit, override=True).detail["fields"]
    assert office.decided(gate, "ann", "edit", **edit, override=True, comment="known customer").outcome == "edited"
    assert "Over 5000 is never low." in office.rows(_views())[-1].view


def test_rules_that_reject_cannot_be_overridden(office, plan):
    strict = plan().model_copy(update={"on_invalid": "fail"})
    gate = office.open(strict, amount=9_000, fields={"risk": "high", "reason": "x"})
    refusal = office.refused(gate, "ann", "edit", fields={"risk": "low"}, override=True, comment="please")
    assert "does not allow" in refusal.detail["fields"]["rules"][0]


def test_an_edit_voids_the_votes_of_others_and_counts_as_the_editors(office, plan):
    gate = office.open(plan(stages=(StagePlan(groups=("fraud",), quorum=2),)))
    office.decided(gate, "ann")
    edited = office.decided(gate, "bob", "edit", fields={"risk": "high"})
    assert (edited.revision, edited.missing, edited.outcome) == (2, 1, None)
    assert office.refused(gate, "ann").code == "stale_revision"
    now = office.load(gate)
    assert office.decided(now, "ann").outcome is Outcome.EDITED


def test_an_edit_at_a_later_stage_goes_back_to_the_first(office, plan):
    """The earlier stage agreed to other content, so it is asked again; the editor's vote waits for its stage."""
    gate = office.open(plan(stages=(StagePlan(groups=("fraud",)), StagePlan(groups=("leads",)))))
    office.decided(gate, "ann")
    edited = office.decided(gate, "lea", "edit", fields={"risk": "high"})
    assert (edited.stage, edited.outcome) == (0, None)
    assert office.decided(office.load(gate), "bob").outcome is Outcome.EDITED


def test_an_excluded_editor_needs_somebody_else_to_agree(office, plan):
    """``exclude: [editor]``: whoever changed the content may not be the one who approves it."""
    gate = office.open(plan(exclude=("editor",)))
    edited = office.decided(gate, "ann", "edit", fields={"risk": "high"})
    assert (edited.outcome, edited.missing) == (None, 1)
    now = office.load(gate)
    assert office.refused(now, "ann").detail["why"] == "self_approval"
    assert office.decided(now, "bob").outcome is Outcome.EDITED


def test_nothing_can_be_previewed_on_a_closed_or_newer_gate(office):
    gate = office.open()
    newer = office.open(amount=121)
    with pytest.raises(GateError, match="revision"):
        preview(office, gate, {"risk": "high"})
    office.decided(newer, "ann")
    with pytest.raises(GateError, match="decided"):
        preview(office, newer, {"risk": "high"})


def _views():
    return sa.select(gate_revisions.c.view).order_by(gate_revisions.c.revision)
