"""Deciding many gates from the list: each by what its own line showed, with a report of what was refused."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from tests.api.conftest import NS
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from tests.api.console.inbox_room import Room, a_room, lines, seen, words  # noqa: F401  a fixture
from tests.support.clock import FakeClock
from workflows.arbiter.model import Opened
from workflows.store.repositories import decisions
from workflows.usecases.services import Services


async def _send(
    desk: Desk, gates: list[Opened], who: str = "reviewer", page: str = "/inbox?all=1", **more: str
) -> httpx.Response:
    """What a browser without scripts sends after selecting these lines of the page."""
    shown = seen((await desk(who, page)).text)
    return await _post(desk, gates, shown, who, **more)


async def _post(
    desk: Desk, gates: list[Opened], shown: dict[str, str], who: str = "reviewer", **more: str
) -> httpx.Response:
    picked = [gate.gate_id for gate in gates]
    return await desk.post(who, "/inbox/decide", {**shown, "pick": picked, "action": "approve", **more})


def _outcomes(services: Services, gates: list[Opened]) -> list[str]:
    """The decisions that stand on each gate."""

    def of(gate: Opened) -> list[str]:
        made = services.db.read_sync(lambda tx: decisions.of_gate(tx, NS, gate.gate_id))
        return [one.outcome for one in made if one.undone_at is None]

    return [outcome for gate in gates for outcome in of(gate)]


async def test_of_120_with_3_stale_ones_117_are_decided_and_3_are_named(
    desk: Desk, room: Room, services: Services
) -> None:
    gates = [room.ask(str(n)) for n in range(120)]
    batch = (await desk("reviewer", "/inbox")).text.split('data-batch="')[1].split('"')[0]
    shown = seen((await desk("reviewer", f"/inbox?batch={batch}&select=all")).text)
    assert len(shown) == 120
    changed = room.ask("7", fields={"risk": "high", "reason": "changed meanwhile"})
    room.decide(gates[8], "admin", "reject")
    room.ask("9", fields={"risk": "high", "reason": "as well"})
    answer = await _post(desk, gates, shown)
    assert answer.status_code == 200
    told = words(answer.text)
    assert "117 approved, 3 refused." in told
    assert told.count("Order 7 ") + told.count("Order 8 ") + told.count("Order 9 ") == 3
    assert f'href="/gates/{changed.gate_id}"' in answer.text
    assert _outcomes(services, gates).count("approved") == 117
    assert _outcomes(services, [gates[7], gates[9]]) == []
    assert _outcomes(services, [gates[8]]) == ["rejected"]


async def test_scripts_get_the_same_report(desk: Desk, room: Room) -> None:
    gates = [room.ask(str(n)) for n in range(3)]
    shown = seen((await desk("reviewer", "/inbox")).text)
    room.decide(gates[1], "admin")
    headers = await desk._headers("reviewer")
    form = {**shown, "pick": [gate.gate_id for gate in gates], "action": "reject", "reason_code": "wrong_data"}
    token = re.search(r'name="csrf" content="([^"]+)"', (await desk("reviewer", "/inbox")).text)
    assert token
    answer = await desk.client.post(
        "/inbox/decide", data={**form, "csrf": token[1]}, headers=headers | {"Accept": "application/json"}
    )
    told = answer.json()
    assert told["text"] == "2 rejected, 1 refused."
    assert told["done"] == [gates[0].gate_id, gates[2].gate_id]
    assert (told["refused"][0]["id"], told["refused"][0]["code"]) == (gates[1].gate_id, "already_decided")
    assert told["refused"][0]["title"] == "Order 1"
    assert (told["undo"], told["undo_s"]) == ("/inbox/undo", 10.0)


async def test_a_decision_is_bound_to_what_the_line_showed(desk: Desk, room: Room, services: Services) -> None:
    gate = room.ask("1")
    other = room.ask("2")
    shown = seen((await desk("reviewer", "/inbox")).text)
    swapped = {f"seen.{gate.gate_id}": shown[f"seen.{other.gate_id}"]}
    answer = await _post(desk, [gate], swapped)
    assert "0 approved, 1 refused." in words(answer.text)
    assert _outcomes(services, [gate]) == []


@pytest.mark.parametrize("sent", ["", "1", "1:", "x:" + "0" * 64, "1:" + "0" * 63, "1:" + "G" * 64])
async def test_a_line_without_what_it_showed_decides_nothing(
    desk: Desk, room: Room, services: Services, sent: str
) -> None:
    gates = [room.ask("1"), room.ask("2")]
    shown = seen((await desk("reviewer", "/inbox")).text) | {f"seen.{gates[1].gate_id}": sent}
    answer = await _post(desk, gates, shown)
    assert answer.status_code == 422
    assert _outcomes(services, gates) == []


async def test_gates_of_two_batches_are_not_decided_together(desk: Desk, room: Room, services: Services) -> None:
    gates = [room.ask("1"), room.ask("1", execution="e2")]
    answer = await _send(desk, gates)
    assert answer.status_code == 422
    assert "several batches" in answer.text
    assert _outcomes(services, gates) == []


async def test_nothing_selected_is_said(desk: Desk, room: Room) -> None:
    room.ask("1")
    answer = await desk.post("reviewer", "/inbox/decide", {"action": "approve"})
    assert answer.status_code == 422
    assert "No gate is selected" in answer.text


@pytest.mark.parametrize("action", ["edit", "", "explode"])
async def test_only_what_needs_no_words_of_each_is_done_to_many(
    desk: Desk, room: Room, services: Services, action: str
) -> None:
    gate = room.ask("1")
    answer = await _send(desk, [gate], action=action)
    assert answer.status_code == 422
    assert _outcomes(services, [gate]) == []


async def test_a_rejection_of_many_needs_a_reason(desk: Desk, room: Room, services: Services) -> None:
    gates = [room.ask(str(n)) for n in range(2)]
    without = await _send(desk, gates, action="reject", reason_code="", comment="")
    assert "0 rejected, 2 refused." in words(without.text)
    in_words = await _send(desk, gates, action="reject", reason_code="", comment="The address is unknown.")
    assert "2 rejected." in words(in_words.text)
    assert _outcomes(services, gates) == ["rejected", "rejected"]


async def test_whoever_may_not_decide_is_refused_and_on_record(desk: Desk, room: Room, services: Services) -> None:
    gate = room.ask("1", requester="reviewer")
    shown = {f"seen.{gate.gate_id}": f"{gate.revision}:{gate.action_digest}"}
    answer = await _post(desk, [gate], shown)
    assert "0 approved, 1 refused." in words(answer.text)
    assert (await _post(desk, [gate], shown, "viewer")).status_code == 403
    assert _outcomes(services, [gate]) == []


async def test_a_foreign_or_forged_form_decides_nothing(desk: Desk, room: Room, services: Services) -> None:
    gate = room.ask("1")
    form = {"pick": gate.gate_id, "action": "approve", f"seen.{gate.gate_id}": f"1:{gate.action_digest}"}
    await desk("reviewer", "/inbox")
    assert (await desk.post("reviewer", "/inbox/decide", form, token="0" * 64)).status_code == 403
    assert _outcomes(services, [gate]) == []


async def test_sending_the_same_form_twice_decides_once_and_reports_the_same(
    desk: Desk, room: Room, services: Services
) -> None:
    gates = [room.ask(str(n)) for n in range(2)]
    page = (await desk("reviewer", "/inbox")).text
    once = page.split('name="once" value="')[1].split('"')[0]
    first = await _post(desk, gates, seen(page), once=once)
    again = await _post(desk, gates, seen(page), once=once)
    assert "2 approved." in words(first.text)
    assert "2 approved." in words(again.text)
    assert _outcomes(services, gates) == ["approved", "approved"]


async def test_many_are_undone_together_while_that_is_possible(
    desk: Desk, room: Room, services: Services, clock: FakeClock
) -> None:
    gates = [room.ask(str(n)) for n in range(3)]
    report = await _send(desk, gates)
    picked = re.findall(r'name="pick" value="([^"]+)"', report.text)
    assert picked == [gate.gate_id for gate in gates]
    undone = await desk.post("reviewer", "/inbox/undo", {"pick": picked[:2]})
    assert "2 open again." in words(undone.text)
    assert _outcomes(services, gates) == ["approved"]
    clock.advance(11)
    late = await desk.post("reviewer", "/inbox/undo", {"pick": picked})
    told = words(late.text)
    assert "0 open again, 3 refused." in told
    assert "Order 2" in told
    assert _outcomes(services, gates) == ["approved"]


async def test_somebody_elses_decision_is_not_undone(desk: Desk, room: Room, services: Services) -> None:
    from datetime import timedelta

    gate = room.ask("1")
    room.decide(gate, "admin", undo_window=timedelta(seconds=60))
    answer = await desk.post("reviewer", "/inbox/undo", {"pick": gate.gate_id})
    assert "0 open again, 1 refused." in words(answer.text)
    assert _outcomes(services, [gate]) == ["approved"]


async def test_the_report_of_hostile_gates_is_text(desk: Desk, room: Room) -> None:
    title = "<img src=x onerror=alert(1)>\u202e"
    gate = room.ask("1", order=title)
    shown = seen((await desk("reviewer", "/inbox")).text)
    room.decide(gate, "admin")
    answer = await _post(desk, [gate], shown)
    assert "<img src=x" not in answer.text
    assert "⟨U+202E⟩" in html.unescape(answer.text)
    assert lines(answer.text) == []
