"""The life of a gate, every state with every event."""

from __future__ import annotations

import itertools

import pytest

from workflows.gates.model import GateState
from workflows.gates.transitions import TRANSITIONS, Event, ImpossibleTransition, after

EXPECTED = {
    "open": {
        "vote": "open", "touch": "open", "revise": "open", "conclude": "decided", "change": "decided",
        "expire": "decided", "withdraw": "withdrawn",
    },
    "decided": {"touch": "decided", "undo": "open", "revise": "open"},
    "withdrawn": {"touch": "withdrawn", "revise": "open"},
}  # fmt: skip


@pytest.mark.parametrize(("state", "event"), list(itertools.product(GateState, Event)))
def test_every_event_in_every_state_leads_where_the_table_says_or_is_impossible(state, event):
    expected = EXPECTED[state].get(event)
    if expected is None:
        with pytest.raises(ImpossibleTransition, match=f"a gate that is {state} cannot {event}"):
            after(state, event)
    else:
        assert after(state, event) is GateState(expected)


def test_a_decided_gate_is_never_decided_again():
    """Only taking the decision back, or other content, leads out of it."""
    assert {event for (state, event) in TRANSITIONS if state is GateState.DECIDED} == {
        Event.TOUCH,
        Event.UNDO,
        Event.REVISE,
    }
