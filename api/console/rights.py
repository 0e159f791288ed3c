"""What somebody may do, in words, from the same policies that every route asks."""

from __future__ import annotations

from api.policies import ADMINISTER, DECIDE, READ_FLOWS, READ_JOURNAL, START_RUNS, WRITE_FLOWS, Policy
from workflows.usecases.people import Person

ROLE_WORDS = {
    "viewer": "sees flows, executions, what waits for a decision, and knowledge",
    "reviewer": "decides what asks them, their groups or anybody; starts executions",
    "author": "writes flows, starts executions, adds knowledge",
    "auditor": "reads, verifies and exports the journal",
    "admin": "all of this; people, keys, brakes, and erasing",
}
_ABILITIES: tuple[tuple[Policy, str], ...] = (
    (READ_FLOWS, "See flows, executions, what waits for a decision, and search knowledge"),
    (WRITE_FLOWS, "Save flows, switch them on and off, and add to knowledge"),
    (START_RUNS, "Start, cancel and restart executions, and comment on gates"),
    (READ_JOURNAL, "Read, verify and export the journal"),
    (ADMINISTER, "Manage people, groups, keys and brakes, and erase content"),
)


def abilities(person: Person) -> list[str]:
    """One sentence for each thing a person may do; empty for somebody who may do nothing."""
    if person.principal.disabled_at is not None or person.principal.kind != "person":
        return []
    roles = set(person.roles)
    words = [text for policy, text in _ABILITIES if policy.roles & roles]
    if DECIDE.roles & roles:
        groups = f"the group{'s' * (len(person.groups) != 1)} {_listed(person.groups)}, " if person.groups else ""
        words.insert(1, f"Decide what asks {groups}them by name, or anybody who may decide")
    return words


def gaps(person: Person) -> list[str]:
    """What somebody probably expects to be able to do, and why they cannot."""
    if person.principal.disabled_at is not None or person.principal.kind != "person":
        return []
    roles = set(person.roles)
    if not roles:
        return ["Has no role, so may do nothing yet."]
    if person.groups and not DECIDE.roles & roles:
        return [f"Is in {_listed(person.groups)} and decides nothing there: the role reviewer is missing."]
    return []


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
