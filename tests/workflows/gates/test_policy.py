"""Who may decide, how votes add up, and what policy may decide alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.flow.planned import ApprovePlan, StagePlan
from workflows.gates.model import Action, Actor, FailedRule
from workflows.gates.policy import Facts, Standing, Vote, auto_verdict, excluded, may_decide, missing, right_of, tally


def actor(name: str = "ann", **more) -> Actor:
    given = {"kind": "person", "groups": ("fraud",), "roles": ("reviewer",)} | more
    return Actor(principal_id=name, name=name, via="api", sign_in="key", **given)


def policy(*stages: StagePlan, **more) -> ApprovePlan:
    return ApprovePlan(stages=stages or (StagePlan(groups=("fraud",)),), **more)


FRAUD = StagePlan(groups=("fraud",))
NAMED = StagePlan(people=("ann",))
ANYONE = StagePlan()


@pytest.mark.parametrize(
    ("stage", "who", "facts", "right"),
    [
        (FRAUD, actor(), Facts(), "group:fraud"),
        (NAMED, actor(groups=()), Facts(), "person"),
        (NAMED, actor("bob"), Facts(), None),
        (NAMED, actor("bob"), Facts(assigned_to="bob"), "assigned"),
        (FRAUD, actor(groups=("other",)), Facts(), None),
        (FRAUD, actor(groups=("other",)), Facts(assigned_to="ann"), "assigned"),
        (ANYONE, actor(groups=()), Facts(), "role:reviewer"),
        (ANYONE, actor(roles=("admin", "viewer")), Facts(), "role:admin"),
        (FRAUD, actor(roles=("viewer", "author", "auditor")), Facts(), None),
        (NAMED, actor(roles=()), Facts(assigned_to="ann"), None),
    ],
)
def test_a_right_needs_the_role_and_a_place_in_the_stage(stage, who, facts, right):
    assert right_of(stage, who, facts) == right
    refusal = may_decide(policy(stage), 0, who, facts)
    assert (refusal is None) == (right is not None)


def test_a_service_is_never_a_person():
    """Not even one that is an admin, in the group, named and assigned."""
    bot = actor("bot", kind="service", roles=("admin", "reviewer"))
    stage = StagePlan(groups=("fraud",), people=("bot",))
    refusal = may_decide(policy(stage), 0, bot, Facts(assigned_to="bot"))
    assert refusal is not None
    assert refusal.detail["why"] == "service"


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("part", ["requester", "author", "editor"])
def test_the_excluded_may_not_decide_whatever_the_channel(part, action):
    """The comparison is by principal: name, channel and sign-in play no part. Only an editor may edit once more."""
    facts = {
        "requester": Facts(requester_id="p1"),
        "author": Facts(author_id="p1"),
        "editor": Facts(editors=("p1",)),
    }[part]
    for via in ("api", "slack", "console", "link"):
        disguised = Actor(
            principal_id="p1",
            name=via,
            kind="person",
            groups=("fraud",),
            roles=("reviewer", "admin"),
            via=via,
            sign_in=via,
        )
        refusal = may_decide(policy(exclude=(part,)), 0, disguised, facts, action)
        if part == "editor" and action is Action.EDIT:
            assert refusal is None
        else:
            assert refusal is not None
            assert refusal.detail["why"] == "self_approval"
        assert may_decide(policy(exclude=()), 0, disguised, facts, action) is None


def test_nobody_is_excluded_for_a_part_that_nobody_played():
    """An execution started by a trigger has no requester; that excludes nobody."""
    assert excluded(policy(exclude=("requester", "author", "editor")), Facts()) == {}


def votes(*given: tuple[str, str], stage: int = 0) -> list[Vote]:
    return [Vote(principal_id=who, stage=stage, action=Action(what)) for who, what in given]


TALLIES = [
    # quorum, votes, standing, missing
    (1, [], Standing.OPEN, 1),
    (1, [("ann", "approve")], Standing.APPROVED, 0),
    (1, [("ann", "edit")], Standing.APPROVED, 0),
    (1, [("req", "approve")], Standing.OPEN, 1),
    (2, [("ann", "approve")], Standing.OPEN, 1),
    (2, [("ann", "approve"), ("ann", "approve")], Standing.OPEN, 1),
    (2, [("ann", "approve"), ("bob", "edit")], Standing.APPROVED, 0),
    (2, [("ann", "approve"), ("bob", "reject")], Standing.REJECTED, 1),
    (2, [("ann", "request_changes"), ("bob", "approve")], Standing.CHANGES, 1),
    (2, [("ann", "request_changes"), ("bob", "reject")], Standing.REJECTED, 2),
    (9, [("ann", "approve"), ("bob", "approve")], Standing.OPEN, 7),
    ("all", [("ann", "approve")], Standing.OPEN, 1),
    ("all", [("ann", "approve"), ("bob", "approve")], Standing.APPROVED, 0),
    ("all", [("ann", "approve"), ("out", "approve")], Standing.OPEN, 1),
]


@pytest.mark.parametrize(("quorum", "cast", "standing", "left"), TALLIES)
def test_what_votes_amount_to(quorum, cast, standing, left):
    """The group is ann, bob and the requester, who is excluded: ``all`` does not wait for them."""
    plan, facts, group = (
        policy(StagePlan(groups=("fraud",), quorum=quorum)),
        Facts(requester_id="req"),
        ("ann", "bob", "req"),
    )
    assert tally(plan, 0, facts, votes(*cast), group) is standing
    assert missing(plan, 0, facts, votes(*cast), group) == left


@pytest.mark.parametrize("quorum", [0, 1, "all"])
def test_an_empty_group_passes_nothing_by_itself(quorum):
    """Fails closed: without anybody to ask, the gate waits."""
    plan = policy(StagePlan(groups=("nobody",), quorum=quorum))
    assert tally(plan, 0, Facts(), [], ()) is Standing.OPEN


def test_votes_count_at_their_own_stage():
    plan = policy(FRAUD, StagePlan(groups=("leads",)))
    assert tally(plan, 0, Facts(), votes(("ann", "approve")), ()) is Standing.STAGE_PASSED
    assert tally(plan, 1, Facts(), votes(("ann", "approve")), ()) is Standing.OPEN
    assert tally(plan, 1, Facts(), votes(("lea", "approve"), stage=1), ()) is Standing.APPROVED


@given(
    quorum=st.one_of(st.integers(1, 5), st.just("all")),
    cast=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["approve", "edit", "reject", "request_changes"])),
    requester=st.sampled_from([*"abcdef", None]),
)
def test_a_yes_always_has_enough_people_and_never_the_requester(quorum, cast, requester):
    """Whatever is cast, an approval means: enough different people agreed, none of them excluded, and nobody objected."""
    plan, facts = policy(StagePlan(groups=("g",), quorum=quorum)), Facts(requester_id=requester)
    standing = tally(plan, 0, facts, votes(*cast.items()), "abcdef")
    counted = {who: what for who, what in cast.items() if who != requester}
    if standing is Standing.APPROVED:
        assert set(counted.values()) <= {"approve", "edit"}
        assert len(counted) >= (len(set("abcdef") - {requester}) if quorum == "all" else quorum)
    if "reject" in counted.values():
        assert standing is Standing.REJECTED


SUGGESTION = {"risk": "low"}


@pytest.mark.parametrize(
    ("auto_when", "meta", "failed", "auto"),
    [
        (None, {"confidence": 1.0}, (), False),
        ("suggestion.risk == 'low'", {}, (), True),
        ("suggestion.risk == 'high'", {}, (), False),
        ("suggestion.meta.confidence >= 0.9", {"confidence": 0.95}, (), True),
        ("suggestion.meta.confidence >= 0.9", {"confidence": 0.5}, (), False),
        ("suggestion.meta.confidence >= 0.9", {}, (), False),
        ("suggestion.meta.confidence >= 0.9", {"confidence": None}, (), False),
        ("suggestion.meta.confidence >= 0.9", {"stated_confidence": 0.99}, (), False),
        ("suggestion.meta.stated_confidence >= 0.9", {"stated_confidence": 0.99}, (), False),
        ("suggestion.meta['stated_' ~ 'confidence'] >= 0.9", {"stated_confidence": 0.99}, (), False),
        ("suggestion.risk == 'low'", {}, (FailedRule(rule=0, message="no"),), False),
        ("suggestion.nothing", {}, (), False),
        ("suggestion.risk", {}, (), False),
        ("this is not an expression", {}, (), False),
    ],
)
def test_policy_decides_alone_only_without_any_doubt(auto_when, meta, failed, auto):
    """A failed rule, an error, a value that is missing, a model's word about itself: people decide."""
    verdict = auto_verdict(policy(auto_when=auto_when), {}, SUGGESTION, meta, failed)
    assert verdict.auto is auto
    assert (verdict.reason is None) == (auto or auto_when is None)
