"""The view document: complete, canonical, and the same bytes wherever it is computed."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workflows.flow.expr import ExpressionError
from workflows.flow.planned import ApprovePlan, GatePlan, RulePlan, ShowField, StagePlan, TaskPlan
from workflows.gates.digest import NotCanonical, action_digest, canonical, canonical_view, policy_version
from workflows.gates.ids import batch_key, effect_path, gate_id, op_id
from workflows.gates.model import Evidence, View
from workflows.gates.rules import failed_rules
from workflows.gates.view import build_view

SECRET = {"$secret": ["Bearer ", {"name": "TOKEN"}]}
SCOPE = {
    "item": {"order": 17, "amount": 12.5},
    "inputs": {},
    "outputs": {"orders": {"rows": [1]}, "write": {"id": 9}},
    "execution": {"id": "e1", "now": "2026-11-22T09:00:00Z"},
}
FINAL = {"risk": "low", "note": "fine"}


def gate(properties=None, *, when=None, **more) -> GatePlan:
    effect = TaskPlan(id="write", type="sheets.append", kind="activity", properties=properties or {}, when=when)
    given = {
        "title": "Order {{ item.order }}",
        "show": (ShowField(label="Amount", value="{{ item.amount }}", format="money EUR"),),
        "output_schema": {"type": "object", "properties": {"risk": {"type": "string", "enum": ["low", "high"]}}},
        "approve": ApprovePlan(stages=(StagePlan(),)),
        "on_approve": (effect,),
    }
    return GatePlan(**(given | more))


def view(plan: GatePlan, suggestion=None, **more) -> View:
    given = {
        "execution_id": "e1",
        "path": "triage/review",
        "item_key": "3",
        "suggestion": suggestion or FINAL,
        "meta": {"confidence": 0.9},
        "policy_version": "p1",
    }
    return build_view(plan, SCOPE, **(given | more))


def test_everything_that_will_happen_is_in_the_view():
    made = view(
        gate(
            {
                "connection": "sheet",
                "rows": [["{{ item.order }}", "{{ final.risk }}"]],
                "note": "was {{ suggestion.note }}",
            }
        ),
        evidence=(Evidence(id="history", type="http.request", state="missing", reason="timeout"),),
    )
    assert made.title == "Order 17"
    assert made.show[0].value == 12.5
    assert made.effects[0].path == "triage/review/write"
    assert made.effects[0].properties == {"connection": "sheet", "rows": [[17, "low"]], "note": "was fine"}
    assert made.evidence[0].reason == "timeout"


def test_a_title_is_text_also_when_it_is_one_expression():
    assert view(gate(title="{{ item.order }}")).title == "17"


def test_secrets_stay_references():
    """They resolve inside the activity; the view shows where one goes, never what it is."""
    assert view(gate({"headers": {"Authorization": SECRET}})).effects[0].properties == {
        "headers": {"Authorization": SECRET}
    }


@pytest.mark.parametrize("where", ["direct", "deep"])
def test_data_can_never_become_a_secret_reference(where):
    """A model, a row or a webhook that sends one is refused before anybody is asked."""
    forged = SECRET if where == "direct" else {"a": [{"b": SECRET}]}
    with pytest.raises(ExpressionError, match="secret"):
        view(gate({"body": "{{ final.note }}"}), {"risk": "low", "note": forged})


@pytest.mark.parametrize(
    "text", ["{{ outputs.write.id }}", "{{ execution.now }}", "{{ final.unknown }}", "{{ nothing }}"]
)
def test_what_is_not_known_before_the_yes_cannot_be_part_of_it(text):
    """Outputs of the effects themselves and the moment they run; undefined is an error, never a gap."""
    with pytest.raises(ExpressionError):
        view(gate({"x": text}))


def test_text_from_data_is_never_a_template():
    made = view(gate({"x": "{{ final.note }}"}), {"risk": "low", "note": "{{ execution.id }}"})
    assert made.effects[0].properties == {"x": "{{ execution.id }}"}


def test_an_effect_whose_condition_does_not_hold_is_not_promised():
    assert view(gate({}, when="final.risk == 'high'")).effects == ()
    assert len(view(gate({}, when="final.risk == 'low'")).effects) == 1


def test_the_digest_is_the_hash_of_the_stored_text():
    text = canonical_view(view(gate({"x": "{{ item.order }}"})))
    assert action_digest(text) == hashlib.sha256(text.encode()).hexdigest()
    assert canonical_view(View.model_validate_json(text)) == text
    assert json.loads(text)["effects"][0]["properties"] == {"x": 17}


@pytest.mark.parametrize(
    "change",
    [
        {"execution_id": "e2"},
        {"path": "other"},
        {"item_key": "4"},
        {"suggestion": {"risk": "high", "note": "fine"}},
        {"meta": {"confidence": 0.8}},
        {"policy_version": "p2"},
        {"evidence": (Evidence(id="h", type="t", state="found", value=1),)},
    ],
)
def test_any_difference_is_another_digest(change):
    """One yes is for one gate of one execution, for these values, this evidence and these rules."""
    plan = gate({"x": "{{ final.risk }}"})
    assert canonical_view(view(plan)) != canonical_view(view(plan, **change))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(JSON)
def test_canonical_text_is_stable_under_reading_and_writing(value):
    try:
        text = canonical(value)
    except NotCanonical:
        assume(False)
    assert canonical(json.loads(text)) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, 2.0**53, {1: 2}, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical({"x": value})


@given(st.lists(st.text(max_size=4), min_size=3, max_size=3), st.lists(st.text(max_size=4), min_size=3, max_size=3))
def test_different_places_have_different_gates(one, two):
    """No joining of names can make two places look alike."""
    assert (gate_id(*one) == gate_id(*two)) == (one == two)


def test_ids_are_equal_across_runs_and_differ_by_every_part():
    base = ("e1", "triage/review", "0", 1, "write")
    assert op_id(*base) == op_id(*base)
    others = [
        ("e2", *base[1:]),
        ("e1", "x", *base[2:]),
        (*base[:2], "1", *base[3:]),
        (*base[:3], 2, "write"),
        (*base[:4], "x"),
    ]
    ids = {op_id(*base), op_id(*base, generation=1), *(op_id(*other) for other in others)}
    assert len(ids) == 7
    assert gate_id("e1", "p", "") != batch_key("e1", "p")
    assert effect_path("a/b", "c") == "a/b/c"


def test_the_policy_version_changes_with_the_policy():
    one, two = (ApprovePlan(stages=(StagePlan(quorum=n),)).model_dump(mode="json") for n in (1, 2))
    assert policy_version(one) != policy_version(two)


RULES = (
    RulePlan(require="item.amount < 10", when="suggestion.risk == 'low'", message="too much"),
    RulePlan(require="suggestion.meta.citations | length > 0", message="cite"),
    RulePlan(require="item.unknown > 1", message="broken"),
    RulePlan(require="true", when="item.unknown", message="broken when"),
    RulePlan(require="item.order", message="not a condition"),
)


def test_each_rule_that_does_not_hold_is_named_in_order_and_errors_are_failures():
    """A rule fails closed: an error in it, or an answer that is neither true nor false, is a failed rule."""
    failures = failed_rules(gate(rules=RULES), SCOPE, FINAL, {"citations": []})
    assert [(failure.rule, failure.message) for failure in failures] == [
        (0, "too much"),
        (1, "cite"),
        (2, "broken"),
        (3, "broken when"),
        (4, "not a condition"),
    ]
    assert [failure.error is None for failure in failures] == [True, True, False, False, False]


def test_a_rule_whose_condition_does_not_hold_is_not_asked():
    failures = failed_rules(gate(rules=RULES[:2]), SCOPE, {"risk": "high"}, {"citations": [1]})
    assert failures == []


def test_the_schema_comes_first_and_alone():
    (failure,) = failed_rules(gate(rules=RULES), SCOPE, {"risk": "huge"}, {})
    assert failure.rule == -1
    assert "risk" in failure.message
