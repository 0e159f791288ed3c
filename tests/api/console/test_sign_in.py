"""Signing in by name and password: who gets in, what a refusal tells, and what the browser keeps."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from api.app import create_app
from tests.api.conftest import NS
from tests.api.console.conftest import PASSWORD, records
from workflows.gates.model import Actor
from workflows.store.repositories import passwords, principals
from workflows.usecases import people, sign_in_attempts
from workflows.usecases.sign_in_attempts import PER_ACCOUNT, WINDOW

pytestmark = pytest.mark.usefixtures("with_password")

HOSTILE_TARGETS = [
    "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "evil.example", "%2f%2fevil.example",
    "/\tevil.example", "/\n/evil.example", "javascript:alert(1)", "", "///evil.example", "\x00//evil.example", " //evil",

]  # fmt: skip


async def test_the_form_needs_no_script_and_asks_for_two_things(browser):
    page = await (await browser()).get("/sign-in")
    assert page.status_code == 200
    assert '<form method="post" action="/sign-in"' in page.text
    assert re.findall(r'name="(name|password)"', page.text) == ["name", "password"]


@pytest.mark.parametrize("name", ["viewer@example.com", "VIEWER@Example.COM", "Viewer", "  Viewer "])
async def test_the_name_or_the_address_and_the_password_open_a_session(browser, database, callers, name):
    one = await browser()
    answer = await one.sign_in(name, next="/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert await one.signed_in()
    assert [row.actor_id for row in records(database, "auth.signed_in")] == [callers.ids["viewer"]]


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser):
    cookie = (await (await browser()).sign_in("Viewer")).headers["set-cookie"]
    assert cookie.startswith("visto_session=vs_default_")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


async def test_on_https_the_cookie_is_secure_and_bound_to_the_host(services, browser):
    settings = services.settings.model_copy(update={"public_url": "https://visto.example"})
    app = create_app(
        type(services)(**{f: getattr(services, f) for f in services.__slots__} | {"settings": settings}), relay=False
    )
    cookie = (await (await browser(at=app)).sign_in("Viewer")).headers["set-cookie"]
    assert cookie.startswith("__Host-visto_session=")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Secure"} <= set(cookie.split("; "))


async def test_every_refusal_looks_the_same(browser, database, callers):
    """Unknown, wrong, without a password, disabled, a program, an ambiguous name: nothing can be told apart."""
    database.write_sync(lambda tx: principals.disable(tx, NS, callers.ids["author"]))
    twin = database.write_sync(lambda tx: principals.create_person(tx, NS, "Viewer"))
    one, pages = await browser(), set()
    for name in ("nobody", "viewer@example.com", "reviewer@example.com", "author@example.com", "robot", twin.name):
        answer = await one.sign_in(name, "wrong" if name.startswith("viewer") else PASSWORD)
        assert answer.status_code == 401
        pages.add(answer.text.replace(f'value="{name}"', ""))
    assert len(pages) == 1
    assert not await one.signed_in()


async def test_a_refused_form_keeps_the_name_and_the_target_but_not_the_password(browser):
    answer = await (await browser()).sign_in("Viewer", "wrong wrong wrong", next="/inbox?x=1")
    assert 'value="Viewer"' in answer.text
    assert 'value="/inbox?x=1"' in answer.text
    assert "wrong wrong wrong" not in answer.text


async def test_nobody_is_sent_to_another_site(browser):
    for target in HOSTILE_TARGETS:
        one = await browser()
        page = await one.get("/sign-in", params={"next": target})
        assert page.status_code == (400 if "\0" in target else 200)
        assert page.status_code == 400 or '<input type="hidden" name="next" value="/">' in page.text, target
        answer = await one.post("/sign-in", {"name": "Viewer", "password": PASSWORD, "next": target})
        assert answer.status_code in (303, 400)
        assert answer.headers.get("location", "/") == "/", target


async def test_a_page_that_needs_a_session_comes_back_to_itself(browser):
    answer = await (await browser()).get("/account?tab=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/account%3Ftab%3D1")


async def test_who_is_signed_in_goes_on_at_once(browser):
    answer = await (await browser("viewer")).get("/sign-in?next=/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")


async def test_a_hash_of_other_parameters_is_replaced_at_the_next_sign_in(browser, database, callers):
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    database.write_sync(lambda tx: passwords.put(tx, NS, callers.ids["viewer"], weak))
    for _ in range(2):
        assert (await (await browser()).sign_in("Viewer")).status_code == 303
    stored = database.read_sync(lambda tx: passwords.hash_of(tx, NS, callers.ids["viewer"]))
    assert stored != weak
    assert stored.startswith("$argon2id$")


async def test_a_planted_cookie_is_never_taken_over(browser, database, callers):
    """Session fixation: the token after signing in is new, and the session before it is over."""
    victim = await browser()
    victim.plant("vs_default_" + "A" * 43)
    await victim.sign_in("Viewer")
    first = victim.client.cookies["visto_session"]
    assert first != "vs_default_" + "A" * 43
    answer = await victim.sign_in("Author")
    second = victim.client.cookies["visto_session"]
    assert answer.status_code == 303
    assert second != first
    thief = await browser()
    thief.plant(first)
    assert not await thief.signed_in()


async def test_a_stolen_cookie_is_worth_nothing_after_signing_out(browser):
    one, thief = await browser("viewer"), await browser()
    thief.plant(one.client.cookies["visto_session"])
    assert await thief.signed_in()
    answer = await one.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert not await one.signed_in()
    assert not await thief.signed_in()
    one.csrf = ""
    assert (await one.post("/sign-out")).status_code == 303


async def test_a_session_ends_when_it_is_left_alone_and_when_it_is_old(browser, app, clock):
    idle, busy = await browser("viewer"), await browser("author")
    for _ in range(15):  # seven days and an hour, never more than eleven and a half hours apart
        assert await busy.signed_in()
        clock.advance(timedelta(hours=11, minutes=16))
        app.state.sessions.forget()
    assert not await busy.signed_in()
    assert not await idle.signed_in()


async def test_a_session_left_alone_for_half_a_day_is_over(browser, app, clock):
    one = await browser("viewer")
    for hours, open_still in ((11.9, True), (11.9, True), (12, False)):
        clock.advance(timedelta(hours=hours))
        app.state.sessions.forget()
        assert await one.signed_in() is open_still


async def test_a_disabled_person_is_out_within_a_second_everywhere(browser, database, callers, clock):
    """Even when another process disabled them."""
    one = await browser("viewer")
    assert await one.signed_in()
    database.write_sync(lambda tx: principals.disable(tx, NS, callers.ids["viewer"]))
    clock.advance(timedelta(seconds=1))
    assert not await one.signed_in()


async def test_who_is_let_in_again_signs_in_again(browser, app, services, database, callers):
    """What a disabled person had open does not come back with their rights."""
    one, admin = await browser("viewer"), Actor(principal_id="x", name="x", kind="person", via="cli", sign_in="cli")
    await people.disable(services, NS, admin, callers.ids["viewer"])
    await people.enable(services, NS, admin, callers.ids["viewer"])
    app.state.sessions.forget()
    assert not await one.signed_in()
    assert (await one.sign_in("Viewer")).status_code == 303


async def test_a_role_taken_away_counts_within_a_second(browser, database, callers, clock):
    one = await browser("admin")
    assert (await one.get("/people")).status_code == 200
    database.write_sync(lambda tx: principals.revoke_role(tx, NS, callers.ids["admin"], "admin"))
    clock.advance(timedelta(seconds=1))
    assert (await one.get("/people")).status_code == 403


@pytest.mark.parametrize(
    "token", ["", "x", "vs_default_", "vs_default_" + "é" * 43, "vs_" + "a_" * 300, "vs_elsewhere_" + "a" * 43]
)
async def test_a_cookie_that_is_no_session_is_no_session(browser, token):
    one = await browser()
    answer = await one.get("/account", headers={"cookie": f"visto_session={token}".encode("latin-1", "replace")})
    assert answer.status_code == 303


async def test_ten_wrong_passwords_close_the_account_for_a_while(browser, database, clock):
    one = await browser()
    for _ in range(PER_ACCOUNT):
        assert (await one.sign_in("viewer@example.com", "wrong")).status_code == 401
    answer = await one.sign_in("viewer@example.com")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == WINDOW.total_seconds()
    assert "Wait 15 minutes" in answer.text
    assert (await one.sign_in("author@example.com")).status_code == 303
    codes = [row.outcome for row in records(database, "auth.failed")]
    assert codes == ["wrong_sign_in"] * PER_ACCOUNT + ["too_many_attempts"]
    clock.advance(WINDOW)
    assert (await (await browser()).sign_in("viewer@example.com")).status_code == 303


async def test_an_account_that_does_not_exist_closes_in_the_same_way(browser):
    one = await browser()
    codes = [(await one.sign_in("nobody@example.com", "wrong")).status_code for _ in range(PER_ACCOUNT + 1)]
    assert codes == [401] * PER_ACCOUNT + [429]


async def test_attempts_are_counted_across_processes_even_when_they_come_at_once(browser, services):
    other = create_app(services, relay=False)
    browsers = [await browser(), await browser(at=other)]
    answers = await asyncio.gather(*(browsers[n % 2].sign_in("Viewer", "wrong") for n in range(PER_ACCOUNT + 8)))
    assert sorted(answer.status_code for answer in answers) == [401] * PER_ACCOUNT + [429] * 8


async def test_an_address_that_tries_many_names_is_stopped(browser, monkeypatch):
    monkeypatch.setattr(sign_in_attempts, "PER_ADDRESS", 12)
    one = await browser()
    answers = [(await one.sign_in(f"name-{n}", "x")).status_code for n in range(13)]
    assert answers == [401] * 12 + [429]


async def test_signing_in_rightly_uses_nothing_up(browser):
    for _ in range(PER_ACCOUNT + 2):
        assert (await (await browser()).sign_in("Viewer")).status_code == 303


async def test_failures_are_recorded_without_names_in_the_open(browser, database, callers):
    await (await browser()).sign_in("viewer@example.com", "wrong")
    (row,) = records(database, "auth.failed")
    assert "viewer" not in row.meta
    assert callers.ids["viewer"] in row.meta
    assert row.outcome == "wrong_sign_in"


async def test_a_person_of_another_namespace_signs_in_where_they_belong(browser, database, callers, password_hash):
    database.write_sync(lambda tx: passwords.put(tx, "elsewhere", callers.ids["other"], password_hash))
    one = await browser()
    assert (await one.sign_in("other@example.com")).status_code == 401
    page = await one.get("/sign-in?namespace=elsewhere")
    assert '<input type="hidden" name="namespace" value="elsewhere">' in page.text
    assert (await one.sign_in("other@example.com", namespace="elsewhere")).status_code == 303
    assert "<dd>elsewhere</dd>" in (await one.get("/account")).text


@pytest.mark.parametrize("namespace", ["nowhere", "../x", "'; drop table sessions; --", "a" * 500])
async def test_a_namespace_that_nobody_has_leaves_no_trace(browser, database, namespace):
    answer = await (await browser()).sign_in("nobody", namespace=namespace)
    assert answer.status_code == 401
    found = database.read_sync(lambda tx: tx.conn.exec_driver_sql("select namespace from audit_event").scalars().all())
    assert set(found) == {NS}
