"""Keys: what opens, what does not, and how soon a change of rights counts."""

from __future__ import annotations

import asyncio

import pytest

from api.auth import Authenticator
from api.errors import ApiError
from tests.api.conftest import NS
from workflows.store.repositories import keys, principals

HOSTILE = [
    "", "Bearer", "Bearer ", "Basic dmlzdG86dmlzdG8=", "Bearer vk_", "Bearer vk_default_short", "Bearer " + "x" * 9000,
    "Bearer vk_default_" + "a" * 43, "Bearer vk_*_" + "a" * 43, "Bearer vk_" + "a_" * 200 + "a" * 43,
    "Bearer vk_default_" + "é" * 43, "bearer\tvk", "Bearer vk_default_" + "a" * 43 + " more",
]  # fmt: skip


@pytest.mark.parametrize("header", HOSTILE)
async def test_anything_but_a_valid_key_is_401_with_a_challenge(api, header):
    answer = await api("anon", "GET", "/me", headers={"Authorization": header.encode("latin-1", "replace")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] in ("no_key", "invalid_key")


async def test_me_describes_the_caller_and_never_shows_the_key(api, callers):
    answer = await api("author", "GET", "/me")
    assert answer.json()["roles"] == ["author"]
    assert answer.json()["namespace"] == NS
    assert callers.keys["author"] not in answer.text


async def test_a_revoked_key_opens_nothing_at_once(api):
    made = (await api("admin", "GET", "/keys")).json()["items"]
    key = next(one for one in made if one["name"] == "viewer")
    assert (await api("viewer", "GET", "/me")).status_code == 200
    assert (await api("admin", "DELETE", f"/keys/{key['id']}")).status_code == 204
    assert (await api("viewer", "GET", "/me")).status_code == 401


async def test_a_role_taken_away_counts_at_once(api, callers):
    assert (await api("auditor", "GET", "/journal/search")).status_code == 200
    path = f"/principals/{callers.ids['auditor']}/roles/auditor"
    assert (await api("admin", "DELETE", path)).json()["roles"] == []
    answer = await api("auditor", "GET", "/journal/search")
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_role")


async def test_a_disabled_person_is_locked_out(api, callers):
    assert (await api("viewer", "GET", "/me")).status_code == 200
    await api("admin", "POST", f"/principals/{callers.ids['viewer']}/disable")
    assert (await api("viewer", "GET", "/me")).status_code == 401


class CountingReads:
    """The real store, which counts its reads and holds each until it is let go."""

    def __init__(self, database):
        self.database, self.reads, self.go = database, 0, asyncio.Event()
        self.write, self.clock = database.write, database.clock

    async def read(self, unit):
        self.reads += 1
        found = await self.database.read(unit)
        await self.go.wait()
        return found


async def asked_by(authenticator, secret, count):
    tasks = [asyncio.create_task(authenticator.caller(f"Bearer {secret}")) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_requests_that_come_together_share_one_look_up(database, callers):
    store = CountingReads(database)
    authenticator = Authenticator(store)
    first, *others = await asked_by(authenticator, callers.keys["viewer"], 20)
    first.cancel()
    store.go.set()
    found = await asyncio.gather(*others)
    assert store.reads == 1
    assert {caller.actor.principal_id for caller in found} == {callers.ids["viewer"]}
    with pytest.raises(asyncio.CancelledError):
        await first
    await authenticator.caller(f"Bearer {callers.keys['viewer']}")
    assert store.reads == 1


async def test_an_unknown_key_is_refused_to_everybody_and_not_remembered(database):
    store = CountingReads(database)
    store.go.set()
    authenticator = Authenticator(store)
    for _ in range(2):
        answers = await asyncio.gather(
            *await asked_by(authenticator, "vk_default_" + "a" * 43, 5), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {ApiError}
    assert store.reads == 2


async def test_a_look_up_that_began_before_a_change_of_rights_is_not_remembered(database, callers):
    store = CountingReads(database)
    authenticator = Authenticator(store)
    (early,) = await asked_by(authenticator, callers.keys["viewer"], 1)
    authenticator.forget()
    store.go.set()
    await early
    await authenticator.caller(f"Bearer {callers.keys['viewer']}")
    assert store.reads == 2


async def test_an_expired_key_opens_nothing(api, database, callers, clock):
    until = clock.now.replace(hour=10)
    made = database.write_sync(
        lambda tx: keys.create(tx, NS, callers.ids["viewer"], "short", ("flows:read",), expires_at=until)
    )
    callers.keys["short"] = made.secret
    assert (await api("short", "GET", "/flows")).status_code == 200
    clock.advance(3600)
    callers.keys["late"] = made.secret
    api_again = type(api)(api.client, callers)
    api.client._transport.app.state.authenticator.forget()
    assert (await api_again("late", "GET", "/flows")).status_code == 401


async def test_a_key_needs_the_scope_even_if_its_owner_has_the_role(api, database, callers):
    made = database.write_sync(lambda tx: keys.create(tx, NS, callers.ids["admin"], "narrow", ("flows:read",)))
    callers.keys["narrow"] = made.secret
    assert (await api("narrow", "GET", "/flows")).status_code == 200
    answer = await api("narrow", "GET", "/executions")
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert "executions:read" in answer.json()["detail"]


async def test_a_key_of_another_namespace_sees_nothing_of_this_one(api):
    await api.save("id: mine\ntasks:\n  - {id: a, type: set, values: {x: 1}}\n")
    assert [flow["flow_id"] for flow in (await api("viewer", "GET", "/flows")).json()["items"]] == ["mine"]
    assert (await api("other", "GET", "/flows")).json()["items"] == []
    assert (await api("other", "GET", "/flows/mine")).status_code == 404


async def test_the_last_admin_stays_and_nobody_locks_themselves_out(api, callers):
    admin = callers.ids["admin"]
    answer = await api("admin", "DELETE", f"/principals/{admin}/roles/admin")
    assert answer.json()["code"] == "last_admin"
    answer = await api("admin", "POST", f"/principals/{admin}/disable")
    assert answer.json()["code"] == "own_account"


async def test_a_new_key_is_shown_once_and_works(api, database, callers):
    body = {"principal_id": callers.ids["service"], "name": "ci", "scopes": ["flows:write", "flows:read"]}
    answer = await api("admin", "POST", "/keys", json=body)
    secret = answer.json()["secret"]
    assert answer.status_code == 201
    assert secret not in (await api("admin", "GET", "/keys")).text
    callers.keys["ci"] = secret
    assert (await api("ci", "GET", "/me")).json()["kind"] == "service"
    stored = database.read_sync(
        lambda tx: tx.conn.exec_driver_sql("select secret_sha256 from api_keys").scalars().all()
    )
    assert all(secret not in one for one in stored)


@pytest.mark.parametrize("scopes", [[], ["root"], ["flows:read", "everything"]])
async def test_a_key_has_known_scopes(api, callers, scopes):
    body = {"principal_id": callers.ids["service"], "name": "ci", "scopes": scopes}
    assert (await api("admin", "POST", "/keys", json=body)).status_code == 422


async def test_every_change_of_people_is_in_the_journal_without_names(api, callers):
    made = await api("admin", "POST", "/principals", json={"name": "Nadia Noor", "email": "nadia@example.com"})
    await api("admin", "POST", "/groups", json={"name": "fraud"})
    await api("admin", "POST", "/groups/fraud/members", json={"principal_id": made.json()["id"]})
    found = (await api("auditor", "GET", "/journal/search?kind=config.changed")).json()["items"]
    assert {one["meta"]["what"] for one in found} == {"member.added", "group.created", "principal.created"}
    assert "Nadia" not in str(found)
    assert {one["actor_id"] for one in found} == {callers.ids["admin"]}


async def test_the_same_email_belongs_to_one_person(api, callers, database):
    body = {"name": "Twin", "email": "Viewer@Example.com"}
    assert (await api("admin", "POST", "/principals", json=body)).status_code == 409
    people = database.read_sync(lambda tx: principals.list_principals(tx, NS))
    assert "Twin" not in {person.name for person in people}
