"""The brakes by form: who may pull them, that a reason is needed, and what the page says afterwards."""

from __future__ import annotations

import pytest

from tests.api.conftest import NS
from tests.api.console.desk import Desk, a_desk  # noqa: F401  a fixture
from tests.api.console.gates import Office, an_office  # noqa: F401  a fixture
from tests.support import tamper
from tests.workflows.arbiter.conftest import make_plan
from workflows.arbiter.model import Decided
from workflows.store.repositories import executions, flows, held_back, pauses, permits
from workflows.usecases.services import Services

HOSTILE = '<script>alert(1)</script> \u202eevil & "quoted"'


def _flow(services: Services, flow_id: str) -> None:
    more = {"bundle": {}, "plan": {}, "author_id": None, "source": "test"}
    services.db.write_sync(
        lambda tx: flows.save_revision(tx, NS, flow_id, sha256="0" * 64, source_text="", **more)  # type: ignore[arg-type]
    )


def _pauses(services: Services) -> list[pauses.Pause]:
    return services.db.read_sync(lambda tx: pauses.list_pauses(tx, NS))


@pytest.mark.parametrize("who", ["viewer", "author", "reviewer", "auditor"])
async def test_everybody_sees_the_brakes_and_only_an_admin_may_pull_them(
    desk: Desk, services: Services, who: str
) -> None:
    page = await desk(who, "/brakes")
    assert page.status_code == 200
    assert "Effects run" in page.text
    assert 'action="/brakes/stop"' not in page.text
    refused = await desk.post(who, "/brakes/stop", {"extent": "namespace", "reason": "because"})
    assert refused.status_code == 403
    assert _pauses(services) == []


async def test_an_admin_stops_the_namespace_and_everybody_reads_who_and_why(desk: Desk) -> None:
    done = await desk.post("admin", "/brakes/stop", {"extent": "namespace", "reason": f"wrong price list {HOSTILE}"})
    page = (await desk.follow("admin", done)).text
    assert "Effects in default are stopped" in page
    assert "default is stopped" in page
    assert "wrong price list &lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "⟨U+202E⟩evil" in page
    viewer = (await desk("viewer", "/brakes")).text
    assert "<strong>Admin</strong>" in viewer
    assert "wrong price list" in viewer


async def test_without_a_reason_nothing_stops_and_the_choice_is_kept(desk: Desk, services: Services) -> None:
    _flow(services, "order-risk")
    sent = {"extent": "flow", "flow": "order-risk", "reason": "   "}
    page = await desk.post("admin", "/brakes/stop", sent)
    assert page.status_code == 422
    assert "Say why, in a few words." in page.text
    assert 'value="flow" id="x-flow" checked' in page.text
    assert "<option selected>order-risk</option>" in page.text
    assert _pauses(services) == []


async def test_one_flow_is_stopped_and_released_by_itself(desk: Desk, services: Services) -> None:
    _flow(services, "order-risk")
    await desk.post("admin", "/brakes/stop", {"extent": "flow", "flow": "order-risk", "reason": "looking"})
    assert [one.flow_id for one in _pauses(services)] == ["order-risk"]
    released = await desk.post("admin", "/brakes/release", {"extent": "flow", "flow": "order-risk"})
    assert "Effects of order-risk may begin again." in (await desk.follow("admin", released)).text
    again = await desk.post("admin", "/brakes/release", {"extent": "flow", "flow": "order-risk"})
    assert "off already" in (await desk.follow("admin", again)).text


async def test_a_flow_that_is_none_cannot_be_stopped(desk: Desk, services: Services) -> None:
    page = await desk.post("admin", "/brakes/stop", {"extent": "flow", "flow": "no-such", "reason": "typo"})
    assert page.status_code == 404
    assert "There is no flow" in page.text
    assert _pauses(services) == []


async def test_an_extent_that_is_none_is_refused(desk: Desk, services: Services) -> None:
    assert (await desk.post("admin", "/brakes/stop", {"extent": "galaxy", "reason": "x"})).status_code == 422
    assert _pauses(services) == []


async def test_a_form_of_somebody_else_stops_nothing(desk: Desk, services: Services) -> None:
    forged = await desk.post("admin", "/brakes/stop", {"extent": "namespace", "reason": "x"}, token="forged")
    assert forged.status_code == 403
    assert _pauses(services) == []


async def test_what_was_before_is_told_from_the_journal_newest_first(desk: Desk) -> None:
    await desk.post("admin", "/brakes/stop", {"extent": "namespace", "reason": "first reason"})
    await desk.post("admin", "/brakes/release", {"extent": "namespace"})
    page = (await desk("viewer", "/brakes")).text
    before = page[page.index("Before") :]
    assert before.index("Released") < before.index("Stopped")
    assert "first reason" in before


async def test_live_executions_under_a_brake_are_counted(desk: Desk, services: Services) -> None:
    _flow(services, "order-risk")

    def two(tx: object) -> None:
        for number in ("e1", "e2", "e3"):
            executions.create(
                tx,
                NS,
                execution_id=number,
                flow_id="order-risk",
                revision=1,
                workflow_id=number,
                inputs={},
                via="api",  # type: ignore[arg-type]
            )
        executions.set_state(tx, NS, "e3", "failed", None)  # type: ignore[arg-type]

    services.db.write_sync(two)
    await desk.post("admin", "/brakes/stop", {"extent": "flow", "flow": "order-risk", "reason": "looking"})
    assert "2 executions under way may meet this brake" in (await desk("viewer", "/brakes")).text
    assert "order-risk is stopped" in (await desk("viewer", "/brakes/now")).text


async def test_a_stopped_namespace_shows_on_every_page_at_once(desk: Desk) -> None:
    assert "Effects in default are paused" not in (await desk("viewer", "/brakes")).text
    await desk.post("admin", "/brakes/stop", {"extent": "namespace", "reason": "looking"})
    assert "Effects in default are paused" in (await desk("viewer", "/brakes")).text


async def test_approved_effects_that_have_not_begun_are_counted_until_they_begin(
    desk: Desk, office: Office, services: Services
) -> None:
    """A no, a decision without effects, one taken back and one whose effect began are not waiting."""
    yes = [office.open(item=str(n)) for n in range(3)]
    made = [office.decide(gate, "reviewer") for gate in yes]
    office.decide(office.open(item="no"), "reviewer", "reject")
    silent = make_plan().model_copy(update={"on_approve": ()})
    office.decide(office.open(silent, item="silent"), "reviewer")

    def waiting() -> int:
        return services.db.read_sync(lambda tx: held_back.approved_by_flow(tx, NS)).get("order-risk", 0)

    assert waiting() == 3
    first, second, third = (one.decision_id for one in made if isinstance(one, Decided))
    services.db.write_sync(lambda tx: permits.grant(tx, NS, "op", first, "binding"))
    assert waiting() == 2
    tamper.run(services.db, "update decisions set undone_at = decided_at where id = :d", d=second)
    assert waiting() == 1
    await desk.post("admin", "/brakes/stop", {"extent": "namespace", "reason": "looking"})
    assert "1 approved decision waits to take effect." in (await desk("viewer", "/brakes")).text
    services.db.write_sync(lambda tx: executions.set_state(tx, NS, "e1", "cancelled", None))
    assert waiting() == 0
    assert third
