"""Deciding over HTTP on the real Temporal with a real worker: seen, decided, rung in line, done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from connectors.connections import Secrets
from tests.api.conftest import Api, Callers, _make
from tests.workflows.interpreter.stage import NAMESPACE, Stage, build
from workflows.activities.catalog import Catalog
from workflows.store.repositories import outbox, principals
from workflows.usecases.services import Services
from workflows.worker import running

FLOW = """
id: review
inputs: [{id: names, type: array}]
tasks:
  - id: each
    type: foreach
    items: "{{ inputs.names }}"
    tasks:
      - id: ask
        type: gate
        title: "Greet {{ item }}"
        suggestion: "{{ {'text': 'Hello ' ~ item} }}"
        output: {text: {type: string}}
        approve: {reviewers: {groups: [fraud]}, editable: [text], reasons: [wrong]}
        on_approve:
          - {id: out, type: file.write, path: "{{ item }}.txt", content: "{{ final.text }}"}
"""


@pytest.fixture
async def stage(temporal_server: str, sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    made = await build(temporal_server, sqlite_url, tmp_path)
    async with running(made.client, made.deps):
        yield made
    made.db.close()


@pytest.fixture
async def api(stage: Stage) -> AsyncIterator[Api]:
    services = Services(
        db=stage.db, journal=stage.deps.journal, gateway=stage.gateway, settings=stage.deps.settings,
        world=Catalog(), secrets=Secrets({}), callback_key=b"k" * 32,
    )  # fmt: skip
    callers: Callers = stage.db.write_sync(_make)
    stage.db.write_sync(lambda tx: principals.add_member(tx, NAMESPACE, "fraud", callers.ids["reviewer"]))
    app = create_app(services)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client,
    ):
        yield Api(client, callers)


async def begin(api: Api, *names: str) -> tuple[str, list[dict]]:
    """Start the flow and return its id and its open gates in full."""
    await api.save(FLOW)
    answer = await api("author", "POST", "/flows/review/executions", json={"inputs": {"names": list(names)}})
    execution = answer.json()["execution"]
    async with asyncio.timeout(60):
        while True:
            path = f"/gates?mine=true&execution={execution}"
            lines = (await api("reviewer", "GET", path)).json()["items"]
            if len(lines) == len(names):
                break
            await asyncio.sleep(0.05)
    return execution, [(await api("reviewer", "GET", f"/gates/{line['id']}")).json() for line in lines]


def decision(gate: dict, action: str = "approve", **more: object) -> dict:
    return {"action": action, "revision": gate["revision"], "action_digest": gate["action_digest"], **more}


@pytest.mark.slow
async def test_a_yes_is_rung_in_line_and_its_effect_happens_once(api, stage):
    execution, (gate,) = await begin(api, "Ann")
    assert gate["view"]["effects"][0]["properties"]["content"] == "Hello Ann"
    assert gate["editable"] == ["text"]
    body = decision(gate)
    key = {"Idempotency-Key": "d-1"}
    first = await api("reviewer", "POST", f"/gates/{gate['id']}/decision", json=body, headers=key)
    again = await api("reviewer", "POST", f"/gates/{gate['id']}/decision", json=body, headers=key)
    assert (first.status_code, first.json()["outcome"]) == (200, "approved")
    assert again.json()["decision"] == first.json()["decision"]
    result = (await api("viewer", "GET", f"/executions/{execution}/result?wait=30")).json()
    assert result["state"] == "succeeded", result
    assert (stage.files / "Ann.txt").read_text().strip() == "Hello Ann"
    late = await api(
        "reviewer", "POST", f"/gates/{gate['id']}/decision", json=decision(gate, "reject", reason_code="wrong")
    )
    assert (late.status_code, late.json()["code"]) == (409, "already_decided")
    async with asyncio.timeout(10):
        while stage.db.read_sync(lambda tx: outbox.count_pending(tx, NAMESPACE)):
            await asyncio.sleep(0.05)
    assert (await api("auditor", "GET", "/journal/verify")).json()["verdict"] == "VERIFIED"


@pytest.mark.slow
async def test_what_was_seen_is_recorded_and_shown_again_byte_for_byte(api):
    _, (gate,) = await begin(api, "Ann")
    for first in (True, False):
        seen = await api("reviewer", "POST", f"/gates/{gate['id']}/view", json={"revision": 1})
        assert seen.json() == {"first": first}
    raw = await api("auditor", "GET", f"/journal/gates/{gate['id']}/as-seen")
    assert __import__("hashlib").sha256(raw.content).hexdigest() == gate["action_digest"]


@pytest.mark.slow
async def test_an_edit_is_previewed_and_confirmed_by_its_digest(api, stage):
    execution, (gate,) = await begin(api, "Ann")
    path = f"/gates/{gate['id']}"
    preview = (await api("reviewer", "POST", f"{path}/preview", json={"fields": {"text": "Good day"}})).json()
    body = decision(gate, "edit", fields={"text": "Good day"}, comment="politer")
    other = await api("reviewer", "POST", f"{path}/decision", json=body | {"new_action_digest": "0" * 64})
    assert other.status_code == 409
    done = await api(
        "reviewer", "POST", f"{path}/decision", json=body | {"new_action_digest": preview["action_digest"]}
    )
    assert (done.status_code, done.json()["outcome"]) == (200, "edited"), done.text
    await api("viewer", "GET", f"/executions/{execution}/result?wait=30")
    assert (stage.files / "Ann.txt").read_text().strip() == "Good day"


@pytest.mark.slow
async def test_a_bulk_decision_names_what_was_stale_and_decides_the_rest(api):
    execution, gates = await begin(api, *(f"p{number}" for number in range(12)))
    items = [{"gate_id": gate["id"], **decision(gate)} for gate in gates]
    for item in items[:3]:
        item["revision"] += 1
    answer = (await api("reviewer", "POST", "/gates/decisions", json={"items": items})).json()
    assert answer["decided"] == 9
    assert {one["gate_id"] for one in answer["conflicts"]} == {item["gate_id"] for item in items[:3]}
    assert {one["code"] for one in answer["conflicts"]} == {"stale_revision"}
    left = (await api("reviewer", "GET", f"/gates?execution={execution}")).json()["items"]
    assert len(left) == 3


@pytest.mark.slow
async def test_a_decision_can_be_undone_until_it_is_in_effect(api):
    _, (gate,) = await begin(api, "Ann")
    body = decision(gate, undo_seconds=30)
    decided = (await api("reviewer", "POST", f"/gates/{gate['id']}/decision", json=body)).json()
    assert decided["effective_at"] > decided["decided_at"]
    assert (await api("admin", "POST", f"/gates/{gate['id']}/undo")).json() == {"revision": 1}
    assert (await api("reviewer", "GET", f"/gates/{gate['id']}")).json()["state"] == "open"


@pytest.mark.slow
async def test_who_may_not_decide_is_told_why_and_it_is_recorded(api):
    _, (gate,) = await begin(api, "Ann")
    path = f"/gates/{gate['id']}/decision"
    for who, code in (("viewer", "missing_role"), ("service", "not_permitted"), ("other", "gate_not_found")):
        answer = await api(who, "POST", path, json=decision(gate))
        assert answer.json()["code"] == code, who
        assert answer.json()["remedy"]
    found = (await api("auditor", "GET", "/journal/search?kind=decision.denied")).json()["items"]
    assert len(found) == 1


@pytest.mark.slow
async def test_a_cancelled_execution_withdraws_its_gates(api):
    execution, (gate,) = await begin(api, "Ann")
    await api("author", "POST", f"/executions/{execution}/cancel")
    result = (await api("viewer", "GET", f"/executions/{execution}/result?wait=30")).json()
    assert result["state"] == "cancelled"
    late = await api("reviewer", "POST", f"/gates/{gate['id']}/decision", json=decision(gate))
    assert (late.status_code, late.json()["code"]) == (409, "withdrawn")


@pytest.mark.slow
async def test_claim_release_assign_comment_and_extend_answer_over_http(api):
    _, (gate,) = await begin(api, "Ann")
    path, reviewer = f"/gates/{gate['id']}", api.callers.ids["reviewer"]
    assert (await api("reviewer", "POST", f"{path}/claim", json={"seconds": 60})).json()["until"]
    assert (await api("reviewer", "POST", f"{path}/release")).json() == {"released": True}
    assert (await api("admin", "POST", f"{path}/assign", json={"to": reviewer})).json() == {"to": reviewer}
    assert (await api("author", "POST", f"{path}/comments", json={"text": "please hurry"})).status_code == 201
    assert (await api("admin", "POST", f"{path}/extend", json={"seconds": 3600})).json()["until"]
    shown = (await api("viewer", "GET", path)).json()
    assert [one["text"] for one in shown["comments"]] == ["please hurry"]
    assert shown["assigned_to"] == reviewer
