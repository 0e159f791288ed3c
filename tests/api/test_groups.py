"""Groups over HTTP: they go when nothing needs them, and a refusal names what does."""

from __future__ import annotations

import pytest

from tests.api.conftest import NS
from tests.support import rows
from workflows.store.repositories import principals

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
        return ann.id

    return services.db.write_sync(make)


@pytest.mark.parametrize("flow", [PLAIN, NESTED])
async def test_a_group_that_a_flow_asks_stays_until_the_flow_is_archived(api, cash, flow):
    saved = await api("author", "POST", "/flows", json={"source": flow})
    assert saved.status_code == 201, saved.text
    await api("admin", "DELETE", f"/groups/cash/members/{cash}")
    refused = await api("admin", "DELETE", "/groups/cash")
    assert (refused.status_code, refused.json()["code"]) == (409, "group_in_use")
    assert refused.json()["detail"] == "The group cash is still needed. It is asked by payout."
    archived = await api("author", "POST", "/flows/payout/state", json={"state": "archived"})
    assert archived.status_code == 200, archived.text
    assert (await api("admin", "DELETE", "/groups/cash")).status_code == 204
    assert (await api("admin", "DELETE", "/groups/cash")).status_code == 404
    assert (await api("admin", "GET", "/groups")).json()["items"] == []


async def test_a_group_that_an_open_gate_asks_stays(api, cash, services):
    """Its flow may be gone, or be asking somebody else by now."""

    def waiting(tx):
        principals.remove_member(tx, NS, "cash", cash)
        rows.gate(tx, NS, policy={"stages": [{"groups": ["cash"], "people": []}]})

    services.db.write_sync(waiting)
    refused = await api("admin", "DELETE", "/groups/cash")
    assert refused.json()["detail"] == "The group cash is still needed. A gate that is open asks it."


async def test_a_group_with_members_stays(api, cash):
    refused = await api("admin", "DELETE", "/groups/cash")
    assert (refused.status_code, refused.json()["remedy"]) == (409, "Take them out first.")


async def test_a_principal_is_corrected_whole(api, callers):
    """A PUT says all of it: an address that is left out is taken away, with how they signed in by it."""
    path = f"/principals/{callers.ids['viewer']}"
    made = await api("admin", "PUT", path, json={"name": "Vera", "email": "Vera@example.com"})
    assert (made.status_code, made.json()["name"], made.json()["email"]) == (200, "Vera", "vera@example.com")
    assert [one["subject"] for one in made.json()["identities"]] == ["vera@example.com"]
    gone = (await api("admin", "PUT", path, json={"name": "Vera"})).json()
    assert (gone["email"], gone["identities"], gone["roles"]) == (None, [], ["viewer"])
    robot = f"/principals/{callers.ids['service']}"
    refused = await api("admin", "PUT", robot, json={"name": "robot", "email": "robot@example.com"})
    assert (refused.status_code, refused.json()["code"]) == (422, "no_address")
