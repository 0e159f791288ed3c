"""The inbox as a page: what waits for whom, how it is grouped and narrowed, and what it says when nothing waits."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from tests.api.console.inbox_room import Room, a_room, lines, words  # noqa: F401  a fixture
from tests.support.clock import FakeClock
from workflows.flow.planned import ExpirePlan, ShowField, StagePlan

FRAUD = {"stages": (StagePlan(groups=("fraud",)),)}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u200b\"'& <!channel>"


async def test_a_reviewer_sees_what_they_may_decide_and_can_look_at_everything(desk: Desk, room: Room) -> None:
    room.join("reviewer", "fraud")
    mine, anybodys = room.ask("1", **FRAUD), room.ask("2")
    others = room.ask("3", stages=(StagePlan(groups=("legal",)),))
    assert set(lines((await desk("reviewer", "/inbox")).text)) == {mine.gate_id, anybodys.gate_id}
    everything = await desk("reviewer", "/inbox?all=1")
    assert set(lines(everything.text)) == {mine.gate_id, anybodys.gate_id, others.gate_id}
    assert "not among the reviewers" in words(everything.text)
    assert f'value="{others.gate_id}"' not in everything.text, "what one may not decide cannot be selected"


async def test_gates_of_one_task_of_one_execution_stand_together_with_their_count(desk: Desk, room: Room) -> None:
    for n in range(3):
        room.ask(str(n), execution="e1")
    room.ask("0", execution="e2", flow="refunds")
    page = words((await desk("reviewer", "/inbox")).text)
    assert "order-risk triage/review Execution e1 · 3 gates" in page
    assert "refunds triage/review Execution e2 · 1 gate" in page


async def test_a_line_shows_what_is_needed_to_choose(desk: Desk, room: Room) -> None:
    room.ask("17", amount=1240, expire=ExpirePlan(after_ms=7_200_000), priority=5)
    page = words((await desk("reviewer", "/inbox")).text)
    for told in ("Order 17", "Amount € 1 240.00", "risk low", "reason small order", "2026-03-02", "Priority 5"):
        assert told in page, told


async def test_a_line_shows_the_first_facts_and_says_how_many_more_there_are(desk: Desk, room: Room) -> None:
    from tests.workflows.arbiter.conftest import make_plan

    show = tuple(ShowField(label=f"Field {n}", value="x" * 400) for n in range(7))
    room.ask("1", plan=make_plan(stages=(StagePlan(),)).model_copy(update={"show": show}))
    page = words((await desk("reviewer", "/inbox")).text)
    assert "Field 2" in page
    assert "Field 3" not in page
    assert "+4 more" in page
    assert "x" * 120 not in page, "long values are cut"
    assert "…" in page


async def test_the_most_urgent_comes_first(desk: Desk, room: Room) -> None:
    late, soon = room.ask("1"), room.ask("2", expire=ExpirePlan(after_ms=60_000))
    important = room.ask("3", priority=9)
    assert lines((await desk("reviewer", "/inbox")).text) == [important.gate_id, soon.gate_id, late.gate_id]


async def test_who_else_looks_and_who_holds_it_is_told(desk: Desk, room: Room, clock: FakeClock) -> None:
    gate, held, own = room.ask("1"), room.ask("2"), room.ask("3")
    room.look_at(gate, "admin")
    room.look_at(gate, "reviewer")
    room.claim(held, "admin")
    room.claim(own, "reviewer")
    page = words((await desk("reviewer", "/inbox")).text)
    assert "Admin is looking" in page
    assert "Reviewer is looking" not in page, "one knows that oneself"
    assert "Claimed by Admin" in page
    assert "Claimed by you" in page
    clock.advance(timedelta(minutes=11))
    later = words((await desk("reviewer", "/inbox")).text)
    assert "is looking" not in later
    assert "Claimed by Admin" not in later, "a claim ends by itself"
    assert "Claimed by you" not in later


async def test_a_vote_that_waits_for_others_is_told_and_cannot_be_selected_again(desk: Desk, room: Room) -> None:
    gate = room.ask("1", stages=(StagePlan(quorum=2),))
    room.decide(gate, "reviewer")
    page = await desk("reviewer", "/inbox")
    assert "You approved; others must agree" in words(page.text)
    assert f'name="pick" value="{gate.gate_id}"' not in page.text
    assert f'name="pick" value="{gate.gate_id}"' in (await desk("admin", "/inbox")).text


async def test_whoever_asked_cannot_select_their_own_and_is_told_why(desk: Desk, room: Room) -> None:
    gate = room.ask("1", requester="reviewer")
    assert "What others must decide, such as what you started yourself" in words(
        (await desk("reviewer", "/inbox")).text
    )
    page = await desk("reviewer", "/inbox?all=1")
    assert "is the requester here and may not decide" in words(page.text)
    assert f'name="pick" value="{gate.gate_id}"' not in page.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("flow=refunds", {"refund"}),
        ("execution=e1", {"first", "second"}),
        ("assigned=me", {"second"}),
        ("claimed=me", {"first"}),
        ("due=soon", {"refund"}),
        ("due=hour", {"refund"}),
        ("priority=1", {"second"}),
        ("priority=3&q=order", {"second"}),
        ("priority=4", set()),
        ("priority=-1&due=never", {"first", "second", "refund"}),
        ("priority=%C2%B2", {"first", "second", "refund"}),
        ("q=oRdEr+seC", {"second"}),
        ("q=100%25", set()),
        ("q=nothing&flow=refunds", set()),
        ("unknown=1&flow=", {"first", "second", "refund"}),
    ],
)
async def test_a_filter_of_the_address_narrows_the_list(desk: Desk, room: Room, query: str, expected: set[str]) -> None:
    days = ExpirePlan(after_ms=3 * 86_400_000)
    made = {"first": room.ask("first", expire=days), "second": room.ask("second", expire=days, priority=3)}
    made["refund"] = room.ask("x", execution="e2", flow="refunds", expire=ExpirePlan(after_ms=3_600_000))
    room.assign(made["second"], "reviewer")
    room.claim(made["first"], "reviewer")
    page = await desk("reviewer", f"/inbox?{query}")
    assert set(lines(page.text)) == {made[name].gate_id for name in expected}
    if not expected:
        assert "Nothing matches" in page.text


async def test_a_claim_that_ran_out_is_not_found_as_claimed(desk: Desk, room: Room, clock: FakeClock) -> None:
    room.claim(room.ask("1"), "reviewer", seconds=30)
    clock.advance(31)
    assert lines((await desk("reviewer", "/inbox?claimed=me")).text) == []


async def test_one_batch_can_be_shown_alone_with_every_box_checked(desk: Desk, room: Room) -> None:
    gates = [room.ask(str(n)) for n in range(3)]
    room.ask("0", execution="e2")
    page = await desk("reviewer", "/inbox")
    batch = page.text.split('data-batch="')[1].split('"')[0]
    alone = await desk("reviewer", f"/inbox?batch={batch}&select=all")
    assert set(lines(alone.text)) == {gate.gate_id for gate in gates}
    assert alone.text.count(" checked>") == 3
    assert "Only one batch is shown" in alone.text


async def test_a_long_list_goes_on_page_by_page_and_loses_nothing(desk: Desk, room: Room) -> None:
    gates = {room.ask(str(n)).gate_id for n in range(130)}
    first = await desk("reviewer", "/inbox?flow=order-risk")
    found, text = lines(first.text), first.text
    while 'rel="next"' in text:
        onward = text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
        assert "flow=order-risk" in onward
        text = (await desk("reviewer", onward)).text
        found += lines(text)
    assert len(found) == 130
    assert set(found) == gates
    part = await desk("reviewer", f"{onward}&part=lines")
    assert lines(part.text) == lines(text)
    assert "<html" not in part.text
    assert (await desk("reviewer", "/inbox?cursor=nonsense")).status_code == 400


async def test_nothing_hostile_in_a_gate_reaches_the_page_as_markup(desk: Desk, room: Room) -> None:
    room.ask("1", order=HOSTILE, fields={"risk": "low", "reason": HOSTILE}, reasons=(HOSTILE,))
    for path in (
        "/inbox",
        "/inbox?part=lines",
        f"/inbox?q={quote('<script>')}&flow={quote(HOSTILE.replace(chr(0), ''))}",
    ):
        text = (await desk("reviewer", path)).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "\u202e" not in text
        assert "\u200b" not in text
    assert "⟨U+202E⟩" in (await desk("reviewer", "/inbox")).text


async def test_an_empty_inbox_says_what_it_means(desk: Desk, room: Room) -> None:
    assert "Nothing waits for you" in (await desk("reviewer", "/inbox")).text
    assert "Nothing waits" in (await desk("reviewer", "/inbox?all=1")).text
    viewer = await desk("viewer", "/inbox")
    assert viewer.status_code == 200
    assert "Deciding needs the role reviewer" in viewer.text
    room.decide(room.ask("1"), "reviewer")
    room.decide(room.ask("2"), "reviewer", "reject")
    done = words((await desk("reviewer", "/inbox")).text)
    assert "Everything is decided" in done
    assert "Today: 1 approved, 1 rejected." in done
    assert "Nothing waits for you" in (await desk("admin", "/inbox")).text, "they decided nothing today"


async def test_a_viewer_may_look_but_is_offered_nothing_to_decide(desk: Desk, room: Room) -> None:
    room.ask("1")
    page = (await desk("viewer", "/inbox?all=1")).text
    assert "Order 1" in page
    assert "Approve selected" not in page
    assert 'name="pick"' not in page


async def test_the_inbox_of_another_namespace_is_another(desk: Desk, room: Room) -> None:
    gate = room.ask("1")
    states = await desk("reviewer", f"/inbox/states?ids={gate.gate_id},unknown")
    assert [one["id"] for one in states.json()["gates"]] == [gate.gate_id]
    assert (await desk("anon", "/inbox")).headers["location"].startswith("/sign-in")


async def test_scripts_learn_how_gates_stand(desk: Desk, room: Room) -> None:
    done, held, looked, voted = (room.ask(str(n)) for n in range(4))
    two = room.ask("two", stages=(StagePlan(quorum=2),))
    room.decide(done, "admin")
    room.claim(held, "admin")
    room.look_at(looked, "admin")
    room.decide(voted, "reviewer", "reject")
    room.decide(two, "reviewer")
    ids = ",".join(gate.gate_id for gate in (done, held, looked, voted, two))
    found = {one["id"]: one for one in (await desk("reviewer", f"/inbox/states?ids={ids}")).json()["gates"]}
    assert (found[done.gate_id]["state"], found[done.gate_id]["words"]) == ("decided", "Approved by Admin")
    assert found[held.gate_id]["claimed"] == "Admin"
    assert found[looked.gate_id]["looking"] == ["Admin"]
    assert found[voted.gate_id]["words"] == "Rejected by you"
    assert (found[two.gate_id]["state"], found[two.gate_id]["words"]) == ("open", "You approved; others must agree")


async def test_a_gate_that_was_sent_back_is_not_called_withdrawn(desk: Desk, room: Room) -> None:
    gate = room.ask("1")
    room.decide(gate, "admin", "request_changes", comment="Look at the second page.")
    (found,) = (await desk("reviewer", f"/inbox/states?ids={gate.gate_id}")).json()["gates"]
    assert (found["state"], found["words"]) == ("decided", "Changes requested")


async def test_scripts_learn_which_new_gates_belong_into_their_list(desk: Desk, room: Room) -> None:
    mine = room.ask("1")
    others = room.ask("2", stages=(StagePlan(groups=("legal",)),))
    ids = f"{mine.gate_id},{others.gate_id},{'0' * 8}"
    assert (await desk("reviewer", f"/inbox/fresh?ids={ids}")).json()["ids"] == [mine.gate_id]
    assert set((await desk("reviewer", f"/inbox/fresh?all=1&ids={ids}")).json()["ids"]) == {
        mine.gate_id,
        others.gate_id,
    }
    assert (await desk("reviewer", f"/inbox/fresh?flow=other&ids={ids}")).json()["ids"] == []
    part = await desk("reviewer", f"/inbox?part=lines&ids={ids}")
    assert lines(part.text) == [mine.gate_id]


async def test_the_number_in_the_navigation_follows(desk: Desk, room: Room) -> None:
    gate = room.ask("1")
    assert (await desk("reviewer", "/inbox/waiting")).json() == {"waiting": 1, "badge": "1"}
    room.decide(gate, "admin")
    assert (await desk("reviewer", "/inbox/waiting")).json() == {"waiting": 0, "badge": "0"}


async def test_after_a_decision_the_next_gate_of_the_list_opens(desk: Desk, room: Room, clock: FakeClock) -> None:
    gates = []
    for n in range(3):
        gates.append(room.ask(str(n)))
        clock.advance(1)
    other = room.ask("0", execution="e2", flow="refunds")

    async def following(gate: str, query: str = "") -> str:
        answer = await desk("reviewer", f"/inbox/next?after={gate}{query}")
        assert answer.status_code == 303
        return str(answer.headers["location"])

    assert (await following(gates[0].gate_id)).startswith(f"/gates/{gates[1].gate_id}")
    assert (await following(gates[2].gate_id, "&execution=e1")).startswith(f"/gates/{gates[0].gate_id}"), "goes round"
    assert await following(gates[1].gate_id, "&flow=refunds") == f"/gates/{other.gate_id}?queue=flow%3Drefunds"
    assert await following(other.gate_id, "&flow=refunds") == "/inbox?flow=refunds"
    assert (await following("unknown")).startswith("/gates/")


async def test_the_next_gate_comes_as_a_part_for_a_page_that_is_there(desk: Desk, room: Room, clock: FakeClock) -> None:
    """It says what follows it in its turn; nothing comes when nothing is left. Reading it records nothing."""
    first = room.ask("1")
    clock.advance(1)
    second = room.ask("2")
    part = await desk("reviewer", f"/inbox/next?after={first.gate_id}&execution=e1&part=gate")
    assert part.status_code == 200
    assert "<html" not in part.text
    assert f'data-gate="{second.gate_id}"' in part.text
    assert f'data-here="/gates/{second.gate_id}?queue=execution%3De1"' in part.text
    assert f'data-next="/inbox/next?after={second.gate_id}&amp;execution=e1"' in part.text
    room.decide(first, "admin")
    nothing = await desk("reviewer", f"/inbox/next?after={second.gate_id}&part=gate")
    assert (nothing.status_code, nothing.content) == (204, b"")
    found = await desk("reviewer", f"/gates/{second.gate_id}")
    assert "saw revision" not in words(found.text)


async def test_one_never_goes_on_to_what_one_has_agreed_to(desk: Desk, room: Room, clock: FakeClock) -> None:
    """What waits for others is not next for whoever voted, and is for the others."""
    gates = []
    for n in range(3):
        gates.append(room.ask(str(n), stages=(StagePlan(quorum=2),)))
        clock.advance(1)
    room.decide(gates[0], "reviewer")
    room.decide(gates[1], "reviewer")

    async def following(gate: str, who: str) -> str:
        return str((await desk(who, f"/inbox/next?after={gate}")).headers["location"])

    assert (await following(gates[0].gate_id, "reviewer")).startswith(f"/gates/{gates[2].gate_id}")
    assert await following(gates[2].gate_id, "reviewer") == "/inbox"
    assert (await following(gates[0].gate_id, "admin")).startswith(f"/gates/{gates[1].gate_id}")


async def test_only_what_a_list_asks_for_goes_along_with_it(desk: Desk, room: Room) -> None:
    """The address of a list can be written by anybody; what is none of its filters is left out."""
    room.ask("1")
    gate = room.ask("2")
    page = (await desk("reviewer", f"/gates/{gate.gate_id}?queue=flow%3Dorder-risk%26part%3Dgate%26after%3Dx")).text
    assert f'data-next="/inbox/next?after={gate.gate_id}&amp;flow=order-risk"' in page
    assert 'name="queue" value="flow=order-risk"' in page


async def test_times_are_those_of_the_store(desk: Desk, room: Room, clock: FakeClock) -> None:
    """Due within a day is counted from the store's clock, as deadlines are."""
    gate = room.ask("1", expire=ExpirePlan(after_ms=int(timedelta(hours=30).total_seconds() * 1000)))
    assert lines((await desk("reviewer", "/inbox?due=soon")).text) == []
    clock.advance(timedelta(hours=7))
    assert lines((await desk("reviewer", "/inbox?due=soon")).text) == [gate.gate_id]
    assert lines((await desk("reviewer", "/inbox?due=hour")).text) == []
    soon = room.ask("2", expire=ExpirePlan(after_ms=7_200_000))
    clock.advance(timedelta(minutes=61))
    page = await desk("reviewer", "/inbox?due=hour")
    assert lines(page.text) == [soon.gate_id]
    assert '<option value="hour" selected>Within an hour</option>' in page.text
