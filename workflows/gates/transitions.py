"""The life of a gate as one table: which event is possible in which state, and what follows.

=============  ==========================  ===========================================
state          event                       next
=============  ==========================  ===========================================
open           vote, touch, revise         open
open           conclude, change, expire    decided (``change`` waits for a new revision)
open           withdraw                    withdrawn
decided        undo, revise                open (not once an effect has run)
decided        touch                       decided (comments and views go on)
withdrawn      touch                       withdrawn
withdrawn      revise                      open (a restart asks again)
=============  ==========================  ===========================================

Everything else is impossible and raises ``ImpossibleTransition``.
"""

from __future__ import annotations

from enum import StrEnum

from workflows.gates.model import GateState


class Event(StrEnum):
    """What can happen to a gate."""

    VOTE = "vote"
    TOUCH = "touch"  # claim, assign, extend, remind, comment, view
    REVISE = "revise"
    CONCLUDE = "conclude"
    CHANGE = "change"
    EXPIRE = "expire"
    UNDO = "undo"
    WITHDRAW = "withdraw"


class ImpossibleTransition(Exception):
    """The state does not know this event."""

    def __init__(self, state: GateState, event: Event) -> None:
        super().__init__(f"a gate that is {state} cannot {event}")
        self.state = state
        self.event = event


_OPEN, _DECIDED, _WITHDRAWN = GateState.OPEN, GateState.DECIDED, GateState.WITHDRAWN

TRANSITIONS: dict[tuple[GateState, Event], GateState] = {
    (_OPEN, Event.VOTE): _OPEN,
    (_OPEN, Event.TOUCH): _OPEN,
    (_OPEN, Event.REVISE): _OPEN,
    (_OPEN, Event.CONCLUDE): _DECIDED,
    (_OPEN, Event.CHANGE): _DECIDED,
    (_OPEN, Event.EXPIRE): _DECIDED,
    (_OPEN, Event.WITHDRAW): _WITHDRAWN,
    (_DECIDED, Event.TOUCH): _DECIDED,
    (_DECIDED, Event.UNDO): _OPEN,
    (_DECIDED, Event.REVISE): _OPEN,
    (_WITHDRAWN, Event.TOUCH): _WITHDRAWN,
    (_WITHDRAWN, Event.REVISE): _OPEN,
}


def after(state: GateState, event: Event) -> GateState:
    """The state that follows. Raises ``ImpossibleTransition``."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleTransition(state, event) from None
