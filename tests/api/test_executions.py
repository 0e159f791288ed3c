"""Starting without Temporal: acknowledged means stored; repeats are the first; wrong inputs are named."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.api.conftest import NS
from tests.api.test_flows import FLOW
from workflows.store.repositories import executions, outbox

RUN = {"inputs": {"who": "Ann"}}


async def start(api, body=None, key=None, who="author"):
    headers = {"Idempotency-Key": key} if key else {}
    return await api(who, "POST", "/flows/greet/executions", json=body or RUN, headers=headers)


async def test_a_start_is_acknowledged_while_temporal_is_away(api, database):
    await api.save(FLOW)
    answer = await start(api, RUN | {"reference": "order-7"})
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/executions/{made['execution']}"
    assert (made["state"], made["reason"]["code"]) == ("created", "waiting_for_temporal")
    assert made["reference"] == "order-7"
    assert made["links"]["result"].endswith(f"/api/v1/executions/{made['execution']}/result")
    assert database.read_sync(lambda tx: outbox.count_pending(tx, NS)) == 1


async def test_the_first_record_commits_to_the_revision(api):
    saved = await api.save(FLOW)
    made = (await start(api)).json()
    timeline = (await api("viewer", "GET", f"/executions/{made['execution']}/timeline")).json()["items"]
    assert [one["kind"] for one in timeline] == ["execution.created"]
    assert all(one["content"] is None for one in timeline)
    full = (await api("auditor", "GET", f"/journal/executions/{made['execution']}")).json()["items"]
    assert full[0]["content"]["inputs"] == {"who": "Ann", "times": 1}
    assert full[0]["seq"] == 1
    assert saved["sha256"]


async def test_the_same_key_and_body_is_the_first_execution(api, database):
    await api.save(FLOW)
    first = await start(api, key="k-1")
    again = await start(api, key="k-1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["execution"] == first.json()["execution"]
    assert len(database.read_sync(lambda tx: executions.list_executions(tx, NS)).items) == 1


async def test_the_same_key_finds_its_execution_even_when_the_flow_is_paused_or_changed(api):
    await api.save(FLOW)
    first = await start(api, key="k-1")
    await api.save(FLOW.replace("Hello", "Hi"))
    await api("author", "POST", "/flows/greet/state", json={"state": "paused"})
    again = await start(api, key="k-1")
    assert (again.status_code, again.json()["execution"]) == (200, first.json()["execution"])


@pytest.mark.parametrize(
    "body", [{"inputs": {"who": "Bob"}}, RUN | {"reference": "x"}, RUN | {"labels": {"a": "b"}}, RUN | {"revision": 1}]
)
async def test_the_same_key_with_another_body_is_422(api, body):
    await api.save(FLOW)
    await start(api, key="k-1")
    answer = await start(api, body, key="k-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_two_callers_may_use_the_same_key(api):
    await api.save(FLOW)
    first, second = await start(api, key="k"), await start(api, key="k", who="service")
    assert first.json()["execution"] != second.json()["execution"]


async def test_sixteen_starts_at_once_with_one_key_are_one_execution(api, database):
    await api.save(FLOW)
    answers = await asyncio.gather(*(start(api, key="race") for _ in range(16)))
    assert len({answer.json()["execution"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
    assert len(database.read_sync(lambda tx: executions.list_executions(tx, NS)).items) == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "tab\there", "\x7f"])
async def test_a_key_that_is_none_is_400(api, key):
    await api.save(FLOW)
    answer = await api("author", "POST", "/flows/greet/executions", json=RUN, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    ("inputs", "named"),
    [({}, {"who"}), ({"who": "A", "times": 9}, {"times"}), ({"who": "A", "whom": 1}, {"whom"}), ({"times": "x"}, {"who", "times"})],
)  # fmt: skip
async def test_wrong_inputs_are_named_and_nothing_is_stored(api, database, inputs, named):
    await api.save(FLOW)
    answer = await start(api, {"inputs": inputs})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_inputs")
    assert set(answer.json()["fields"]) == named
    assert database.read_sync(lambda tx: executions.list_executions(tx, NS)).items == ()


async def test_an_unknown_flow_or_revision_is_404(api):
    await api.save(FLOW)
    assert (await api("author", "POST", "/flows/none/executions", json=RUN)).json()["code"] == "flow_not_found"
    assert (await start(api, RUN | {"revision": 7})).json()["code"] == "revision_not_found"


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "http://user:pw@example.com/", "http://2130706433/", "notaurl", "http://", "javascript:x",
     "https://exa mple.com/", "http://[::1", "file:///etc/passwd"],
)  # fmt: skip
async def test_a_callback_to_nowhere_is_refused_at_once(api, url):
    await api.save(FLOW)
    answer = await start(api, RUN | {"callback_url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_callback_url")


async def test_waiting_ends_in_time_with_the_state_as_it_is(api):
    await api.save(FLOW)
    made = (await start(api)).json()
    began = time.monotonic()
    answer = await api("viewer", "GET", f"/executions/{made['execution']}/result?wait=0.3")
    assert 0.25 <= time.monotonic() - began < 5
    assert answer.json()["state"] == "created"


async def test_waiting_ends_with_the_execution(api, database):
    await api.save(FLOW)
    made = (await start(api)).json()
    waiting = asyncio.create_task(api("viewer", "GET", f"/executions/{made['execution']}/result?wait=30"))
    await asyncio.sleep(0.05)
    reason = {"code": "rejected", "message": "Rejected by Rita."}
    decision = {"decision": "rejected", "by": "Rita"}
    await database.write(
        lambda tx: executions.set_state(tx, NS, made["execution"], "rejected", reason, decision=decision)
    )
    answer = await asyncio.wait_for(waiting, 5)
    assert answer.status_code == 200, "a rejection is data, not an error"
    assert (answer.json()["state"], answer.json()["decision"], answer.json()["decided_by"]) == (
        "rejected", "rejected", "Rita",
    )  # fmt: skip


async def test_cancelling_is_noted_once_and_told_later_when_temporal_is_away(api, database, callers):
    await api.save(FLOW)
    made = (await start(api)).json()
    for _ in range(2):
        answer = await api("author", "POST", f"/executions/{made['execution']}/cancel", json={"reason": "mistake"})
        assert answer.status_code == 202
    timeline = (await api("auditor", "GET", f"/journal/executions/{made['execution']}")).json()["items"]
    assert [one["kind"] for one in timeline] == ["execution.created", "execution.cancel_requested"]
    assert timeline[1]["content"] == {"by": "Author", "reason": "mistake"}
    assert database.read_sync(lambda tx: outbox.count_pending(tx, NS)) == 2


async def test_an_ended_execution_cannot_be_cancelled(api, database):
    await api.save(FLOW)
    made = (await start(api)).json()
    await database.write(lambda tx: executions.set_state(tx, NS, made["execution"], "succeeded", None))
    answer = await api("author", "POST", f"/executions/{made['execution']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "execution_ended")


async def test_executions_are_listed_newest_first_and_by_state(api, clock):
    await api.save(FLOW)
    ids = []
    for _ in range(3):
        ids.append((await start(api)).json()["execution"])
        clock.advance(1)
    page = (await api("viewer", "GET", "/executions?limit=2&flow=greet&state=created")).json()
    assert [one["id"] for one in page["items"]] == ids[:0:-1]
    rest = (await api("viewer", "GET", f"/executions?limit=2&cursor={page['next_cursor']}")).json()
    assert [one["id"] for one in rest["items"]] == ids[:1]
    assert (await api("viewer", "GET", "/executions?state=succeeded")).json()["items"] == []
    assert (await api("viewer", "GET", "/executions?state=nonsense")).status_code == 422
    assert (await api("other", "GET", f"/executions/{ids[0]}")).status_code == 404
