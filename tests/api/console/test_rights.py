"""Rights in words say what the policies say, for every combination of roles."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain, combinations

import pytest

from api.console.rights import ROLE_WORDS, abilities, gaps
from api.policies import ADMINISTER, DECIDE, READ_FLOWS, READ_JOURNAL, START_RUNS, WRITE_FLOWS
from workflows.store.repositories.principals import ROLES, Principal
from workflows.usecases.people import Person

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETS = list(chain.from_iterable(combinations(sorted(ROLES), size) for size in range(len(ROLES) + 1)))
POLICIES = (READ_FLOWS, DECIDE, WRITE_FLOWS, START_RUNS, READ_JOURNAL, ADMINISTER)


def _somebody(
    roles: tuple[str, ...], groups: tuple[str, ...] = (), *, kind: str = "person", disabled: bool = False
) -> Person:
    principal = Principal("p1", kind, "Ana", None, NOW, NOW if disabled else None)
    return Person(principal, groups, roles, ())


def test_every_role_has_words() -> None:
    assert set(ROLE_WORDS) == ROLES


@pytest.mark.parametrize("roles", SETS, ids="+".join)
def test_there_is_a_sentence_for_every_policy_that_lets_one_pass_and_no_other(roles: tuple[str, ...]) -> None:
    expected = sum(bool(policy.roles & set(roles)) for policy in POLICIES)
    assert len(abilities(_somebody(roles))) == expected


def test_groups_are_named_where_one_decides() -> None:
    one = abilities(_somebody(("reviewer",), ("fraud",)))
    assert "Decide what asks the group fraud, them by name, or anybody who may decide" in one
    many = abilities(_somebody(("reviewer",), ("a", "b", "c")))
    assert "Decide what asks the groups a, b and c, them by name, or anybody who may decide" in many


def test_a_group_without_the_role_is_pointed_out() -> None:
    assert gaps(_somebody(("viewer",), ("a", "b"))) == [
        "Is in a and b and decides nothing there: the role reviewer is missing."
    ]
    assert gaps(_somebody(())) == ["Has no role, so may do nothing yet."]
    assert gaps(_somebody(("reviewer",), ("a",))) == []


@pytest.mark.parametrize("who", [_somebody(("admin",), disabled=True), _somebody(("admin",), kind="service")])
def test_whoever_is_locked_out_or_a_program_has_no_roles_in_words(who: Person) -> None:
    assert abilities(who) == []
    assert gaps(who) == []
