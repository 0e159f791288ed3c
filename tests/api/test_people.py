"""Groups and people over HTTP: what flows name stays until they name something else, and a refusal says which do."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.conftest import NS
from tests.support import rows
from workflows.gates.model import Actor
from workflows.store.repositories import executions, principals
from workflows.usecases import people

GATE = """
      - id: ask
        type: gate
        title: Pay?
        suggestion: {pay: "yes"}
        output:
          pay: {type: string, enum: ["yes", "no"]}
        approve:
          reviewers: {groups: [cash], quorum: 1}
        on_approve:
          - {id: pay, type: csv.write, path: paid.csv, mode: append, columns: [pay], rows: [["{{ final.pay }}"]]}
"""
PLAIN = f"id: payout\ntasks:{GATE.replace('      ', '  ')}"
TOLD = PLAIN.replace("groups: [cash], quorum: 1}", "groups: [leads]}\n      notify: [{type: email, to: [cash]}]")
SECOND = PLAIN.replace("reviewers: {groups: [cash], quorum: 1}", "stages: [{groups: [leads]}, {groups: [cash]}]")
NESTED = f"""
id: payout
inputs:
  - {{id: rows, type: array}}
tasks:
  - id: each
    type: foreach
    items: "{{{{ inputs.rows }}}}"
    tasks:{GATE}
"""


@pytest.fixture
def cash(services):
    """A group with a member, so that flows may ask it."""

    def make(tx):
        ann = principals.create_person(tx, NS, "Ann")
        principals.create_group(tx, NS, "cash")
        principals.add_member(tx, NS, "cash", ann.id)
        principals.create_group(tx, NS, "leads")
        principals.add_member(tx, NS, "leads", principals.create_person(tx, NS, "Lea").id)
        return ann.id

    return services.db.write_sync(make)


@pytest.mark.parametrize("flow", [PLAIN, NESTED, TOLD, SECOND], ids=["task", "foreach", "notify", "stage"])
async def test_a_group_that_a_flow_names_stays_until_the_flow_is_archived(api, cash, flow):
    """Wherever it is named: in whom a later stage asks, and in whom letters go to."""
    saved = await api("author", "POST", "/flows", json={"source": flow})
    assert saved.status_code == 201, saved.text
    await api("admin", "DELETE", f"/groups/cash/members/{cash}")
    refused = await api("admin", "DELETE", "/groups/cash")
    assert (refused.status_code, refused.json()["code"]) == (409, "group_in_use")
    assert refused.json()["detail"] == "The group cash is still needed. It is named by payout (revision 1)."
    archived = await api("author", "POST", "/flows/payout/state", json={"state": "archived"})
    assert archived.status_code == 200, archived.text
    assert (await api("admin", "DELETE", "/groups/cash")).status_code == 204
    assert (await api("admin", "DELETE", "/groups/cash")).status_code == 404
    assert {group["name"] for group in (await api("admin", "GET", "/groups")).json()["items"]} == {"leads"}


async def test_a_group_stays_while_an_older_revision_that_names_it_is_under_way(api, cash, services):
    """The flow asks somebody else by now; what was started before still comes to its gate."""
    await api("author", "POST", "/flows", json={"source": PLAIN})
    services.db.write_sync(lambda tx: rows.execution(tx, NS, flow_id="payout", revision=1))
    newer = await api("author", "POST", "/flows", json={"source": PLAIN.replace("cash", "leads")})
    assert newer.json()["number"] == 2, newer.text
    await api("admin", "DELETE", f"/groups/cash/members/{cash}")
    refused = await api("admin", "DELETE", "/groups/cash")
    assert refused.json()["detail"] == "The group cash is still needed. It is named by payout (revision 1)."
    services.db.write_sync(lambda tx: executions.set_state(tx, NS, "e1", "cancelled", None))
    assert (await api("admin", "DELETE", "/groups/cash")).status_code == 204


async def test_data_that_looks_like_a_policy_asks_nobody(api, cash):
    """What a task sends is its own affair, whatever its keys are called and whatever shape they have."""
    odd = "{notify: true, stages: [cash], escalate: {groups: [cash]}}"
    flow = f"id: payout\ntasks:\n  - id: note\n    type: set\n    values: {{kind: gate, gate: {{approve: {odd}}}, approve: {odd}}}\n"
    saved = await api("author", "POST", "/flows", json={"source": flow})
    assert saved.status_code == 201, saved.text
    await api("admin", "DELETE", f"/groups/cash/members/{cash}")
    assert (await api("admin", "DELETE", "/groups/cash")).status_code == 204


async def test_a_group_with_members_stays(api, cash):
    await api("admin", "POST", f"/principals/{cash}/disable")
    groups = (await api("admin", "GET", "/groups")).json()["items"]
    cash_group = next(one for one in groups if one["name"] == "cash")
    assert (cash_group["members"], [one["name"] for one in cash_group["locked_out"]]) == ([], ["Ann"])
    refused = await api("admin", "DELETE", "/groups/cash")
    assert (refused.status_code, refused.json()["remedy"]) == (409, "Take them out first.")


async def test_a_correction_changes_what_it_names_and_nothing_else(api, callers):
    """What is left out stays; null takes the address away, with how they signed in by it."""
    path = f"/principals/{callers.ids['viewer']}"
    made = await api("admin", "PATCH", path, json={"name": " Vera "})
    assert (made.status_code, made.json()["name"], made.json()["email"]) == (200, "Vera", "viewer@example.com")
    made = await api("admin", "PATCH", path, json={"email": "Vera@example.com"})
    assert (made.json()["name"], made.json()["email"]) == ("Vera", "vera@example.com")
    assert [one["subject"] for one in made.json()["identities"]] == ["vera@example.com"]
    gone = (await api("admin", "PATCH", path, json={"email": None})).json()
    assert (gone["name"], gone["email"], gone["identities"], gone["roles"]) == ("Vera", None, [], ["viewer"])
    assert (await api("admin", "PATCH", path, json={"name": "  "})).status_code == 422
    robot = f"/principals/{callers.ids['service']}"
    refused = await api("admin", "PATCH", robot, json={"email": "robot@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (422, "no_address")


async def test_an_address_that_a_flow_asks_is_not_corrected_away(api, callers):
    """The flow would ask nobody. First they are recognised by both, then the flow names the new one."""
    path = f"/principals/{callers.ids['reviewer']}"
    flow = PLAIN.replace("groups: [cash]", "people: [Reviewer@example.com]")
    saved = await api("author", "POST", "/flows", json={"source": flow})
    assert saved.status_code == 201, saved.text
    refused = await api("admin", "PATCH", path, json={"email": "rita@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (409, "address_in_use")
    assert "named by payout (revision 1)" in refused.json()["detail"]
    added = await api("admin", "POST", f"{path}/identities", json={"kind": "email", "subject": "rita@example.com"})
    assert added.status_code == 200, added.text
    newer = await api("author", "POST", "/flows", json={"source": flow.replace("Reviewer@", "rita@")})
    assert newer.status_code == 201, newer.text
    made = await api("admin", "PATCH", path, json={"email": "rita@example.com"})
    assert [one["subject"] for one in made.json()["identities"]] == ["rita@example.com"]


async def test_of_two_corrections_at_once_one_address_is_left(api, callers):
    path = f"/principals/{callers.ids['viewer']}"
    for turn in range(6):
        both = [f"a{turn}@example.com", f"b{turn}@example.com"]
        await asyncio.gather(*(api("admin", "PATCH", path, json={"email": one}) for one in both))
        everybody = (await api("admin", "GET", "/principals")).json()["items"]
        now = next(one for one in everybody if one["id"] == callers.ids["viewer"])
        assert [one["subject"] for one in now["identities"]] == [now["email"]]
        assert now["email"] in both


async def test_the_address_that_is_shown_is_one_they_are_recognised_by(api, callers, services):
    path = f"/principals/{callers.ids['viewer']}"
    await api("admin", "POST", f"{path}/identities", json={"kind": "email", "subject": "vera@example.com"})
    admin = Actor(principal_id=callers.ids["admin"], name="Admin", kind="person", via="api", sign_in="key:1")
    for subject, left in (("viewer@example.com", "vera@example.com"), ("vera@example.com", None)):
        made = await people.remove_identity(services, NS, admin, callers.ids["viewer"], kind="email", subject=subject)
        assert made.principal.email == left
    again = await api("admin", "POST", f"{path}/identities", json={"kind": "email", "subject": "v@example.com"})
    assert again.json()["email"] == "v@example.com"
