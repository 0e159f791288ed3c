"""Flows over HTTP: all problems in one answer, revisions by content, ownership, state."""

from __future__ import annotations

import pytest

from tests.api.conftest import NS

FLOW = """
id: greet
inputs:
  - {id: who, type: string}
  - {id: times, type: int, default: 1, min: 1, max: 3}
tasks:
  - id: hello
    type: set
    values: {text: "Hello {{ inputs.who }}"}
outputs:
  text: "{{ outputs.hello.text }}"
"""
BROKEN = (
    "id: Bad Id\ntasks:\n  - {id: a, type: st, values: {}}\n  - {id: a, type: set, values: {x: '{{ inputs.nope }}'}}\n"
)


async def test_a_flow_is_saved_once_per_content(api):
    first = await api("author", "POST", "/flows", json={"source": FLOW, "message": "first"})
    again = await api("author", "POST", "/flows", json={"source": FLOW + "\n# a comment\n"})
    changed = await api("author", "POST", "/flows", json={"source": FLOW.replace("Hello", "Hi")})
    assert (first.status_code, again.status_code, changed.status_code) == (201, 200, 201), first.text
    assert [answer.json()["number"] for answer in (first, again, changed)] == [1, 1, 2]
    history = (await api("viewer", "GET", "/flows/greet/revisions")).json()["items"]
    assert [(one["number"], one["parent"], one["message"]) for one in history] == [(2, 1, None), (1, None, "first")]


async def test_yaml_is_accepted_as_it_is(api):
    answer = await api("author", "POST", "/flows", content=FLOW, headers={"Content-Type": "text/yaml"})
    assert (answer.status_code, answer.json()["flow_id"]) == (201, "greet")


@pytest.mark.parametrize("kind", ["application/xml", "", "multipart/form-data"])
async def test_other_content_types_are_415(api, kind):
    answer = await api("author", "POST", "/flows", content=FLOW, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_a_wrong_flow_gets_every_diagnostic_at_once_and_no_revision(api):
    saved = await api("author", "POST", "/flows", json={"source": BROKEN})
    checked = (await api("viewer", "POST", "/flows/validate", json={"source": BROKEN, "name": "bad.yaml"})).json()
    assert (saved.status_code, saved.json()["code"]) == (422, "invalid_flow")
    assert len(saved.json()["diagnostics"]) == len(checked["diagnostics"]) >= 3
    assert all({"line", "column", "code", "message"} <= one.keys() for one in saved.json()["diagnostics"])
    assert {one["file"] for one in checked["diagnostics"]} == {"bad.yaml"}
    assert checked["ok"] is False
    assert (await api("viewer", "GET", "/flows")).json()["items"] == []


@pytest.mark.parametrize("text", ["", "{", "- a", "id: [", "&a [*a]", "\0", "a: b: c", "!!python/object:os.system {}"])
async def test_no_text_makes_more_than_diagnostics(api, text):
    answer = await api("author", "POST", "/flows/validate", json={"source": text})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert answer.json()["ok"] is False
        assert answer.json()["diagnostics"]


async def test_a_flow_shows_its_inputs_graph_and_current_text(api):
    await api.save(FLOW)
    shown = (await api("viewer", "GET", "/flows/greet")).json()
    assert [one["id"] for one in shown["inputs"]] == ["who", "times"]
    assert shown["current"]["source_text"] == FLOW
    assert shown["state"] == "active"
    assert (await api("viewer", "GET", "/flows/greet/graph")).json()["mermaid"].startswith("flowchart TD")
    assert (await api("viewer", "GET", "/flows/greet/revisions/1")).json()["bundle"]["flow"]["id"] == "greet"
    schema = (await api("viewer", "GET", "/flows/schema")).json()
    assert "csv.read" in str(schema)


@pytest.mark.parametrize(
    "path", ["/flows/none", "/flows/none/graph", "/flows/none/revisions", "/flows/greet/revisions/9"]
)
async def test_what_is_not_there_is_404_with_a_remedy(api, path):
    await api.save(FLOW)
    answer = await api("viewer", "GET", path)
    assert answer.status_code == 404
    assert answer.json()["remedy"]


async def test_a_flow_managed_elsewhere_is_left_alone_unless_adopted(api):
    body = {"source": FLOW, "managed_by": "git:shop", "origin": "git"}
    assert (await api("author", "PUT", "/flows/greet", json=body)).status_code == 201
    edit = {"source": FLOW.replace("Hello", "Hi")}
    refused = await api("author", "POST", "/flows", json=edit)
    assert (refused.status_code, refused.json()["code"]) == (409, "managed_elsewhere")
    assert (await api("author", "POST", "/flows", json=edit | {"adopt": True})).status_code == 201
    assert (await api("viewer", "GET", "/flows/greet")).json()["managed_by"] is None


async def test_a_text_under_another_address_is_refused(api):
    answer = await api("author", "PUT", "/flows/other", json={"source": FLOW})
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_flow")


async def test_only_an_admin_lifts_the_gate_requirement(api):
    text = FLOW.replace("id: greet", "id: greet\nmode: auto")
    answer = await api("author", "POST", "/flows", json={"source": text})
    assert (answer.status_code, answer.json()["code"]) == (403, "auto_needs_admin")
    assert (await api("admin", "POST", "/flows", json={"source": text})).status_code == 201


async def test_a_paused_flow_starts_nothing_and_the_journal_says_who_paused_it(api, callers):
    await api.save(FLOW)
    for state in ("paused", "archived"):
        assert (await api("author", "POST", "/flows/greet/state", json={"state": state})).json()["state"] == state
        answer = await api("author", "POST", "/flows/greet/executions", json={"inputs": {"who": "Ann"}})
        assert (answer.status_code, answer.json()["code"]) == (409, "flow_not_active")
        assert state in answer.json()["detail"]
    found = (await api("auditor", "GET", "/journal/search?kind=flow.state")).json()["items"]
    assert {one["actor_id"] for one in found} == {callers.ids["author"]}
    assert {(one["meta"]["from"], one["meta"]["to"]) for one in found} == {("active", "paused"), ("paused", "archived")}


async def test_a_listing_goes_page_by_page(api):
    for number in range(5):
        await api.save(FLOW.replace("greet", f"greet-{number}"))
    seen, cursor = [], None
    while True:
        query = f"&cursor={cursor}" if cursor else ""
        page = (await api("viewer", "GET", f"/flows?limit=2{query}")).json()
        seen += [flow["flow_id"] for flow in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"greet-{number}" for number in range(5)]
    assert (await api("viewer", "GET", "/flows?cursor=nonsense")).json()["code"] == "invalid_cursor"


async def test_saving_is_in_the_journal(api, callers, services):
    await api.save(FLOW)
    verdict = (await api("auditor", "GET", "/journal/verify")).json()
    assert verdict["verdict"] == "VERIFIED"
    found = (await api("auditor", "GET", "/journal/search?flow=greet")).json()["items"]
    assert [one["kind"] for one in found] == ["flow.registered"]
    assert found[0]["actor_id"] == callers.ids["author"]
    assert found[0]["stream"] == f"{NS}/admin"
