"""Who is acting: the person as the store knows them now, or policy, or the clock. Snapshotted on what they do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from workflows.flow.planned import ApprovePlan
from workflows.gates.model import Actor
from workflows.gates.policy import Facts, right_of


@dataclass(frozen=True, slots=True)
class Who:
    """``kind`` says what decided. ``name`` is for people to read and goes into erasable content only."""

    kind: Literal["person", "service", "policy", "timeout", "system"]
    name: str
    via: str
    id: str | None = None
    right: str | None = None
    sign_in: str | None = None
    groups: tuple[str, ...] = field(default=())
    roles: tuple[str, ...] = field(default=())

    def snapshot(self) -> dict[str, Any]:
        """Who, by which right, signed in how: as it was at this moment."""
        return {
            "name": self.name,
            "right": self.right,
            "sign_in": self.sign_in,
            "groups": list(self.groups),
            "roles": list(self.roles),
        }


POLICY = Who(kind="policy", name="policy", via="policy")
TIMEOUT = Who(kind="timeout", name="timeout", via="timer")
SYSTEM = Who(kind="system", name="system", via="system")


def person(actor: Actor, right: str | None = None) -> Who:
    """Somebody who signed in; ``right`` is what allowed them to do this."""
    return Who(
        kind=actor.kind,
        name=actor.name,
        via=actor.via,
        id=actor.principal_id,
        right=right,
        sign_in=actor.sign_in,
        groups=actor.groups,
        roles=actor.roles,
    )


def reviewer(actor: Actor, policy: ApprovePlan, stage: int, facts: Facts) -> Who:
    """A person together with the right by which they may decide at this stage."""
    return person(actor, right_of(policy.stages[stage], actor, facts))
