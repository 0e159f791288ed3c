"""Forms of other people's pages: refused by where they come from, and by the token that they cannot know."""

from __future__ import annotations

import pytest

from tests.api.console.conftest import PASSWORD

FOREIGN = [
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "cross-site", "origin": "http://localhost"},
    {"sec_fetch_site": "same-site"},
    {"sec_fetch_site": "", "origin": "https://evil.example"},
    {"sec_fetch_site": "", "origin": "null"},
    {"sec_fetch_site": "", "origin": "http://localhost.evil.example"},
    {"sec_fetch_site": "", "origin": "http://localhost:8080"},
    {"sec_fetch_site": "", "origin": "http://localhost@evil.example"},
    {"sec_fetch_site": "", "origin": "file://localhost"},
    {"sec_fetch_site": "", "origin": "http://[::1"},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_form_sent_by_another_site_changes_nothing(browser, headers):
    """Even with the right cookie and the right token."""
    one = await browser("viewer")
    answer = await one.post("/account/sessions/end-others", **headers)
    assert (answer.status_code, "cross_origin" in answer.text) == (403, True)
    assert (await one.post("/sign-out", **headers)).status_code == 403
    assert await one.signed_in()


@pytest.mark.usefixtures("with_password")
@pytest.mark.parametrize("headers", FOREIGN[:4])
async def test_another_site_cannot_sign_a_browser_in_either(browser, headers):
    """Otherwise somebody would work in a stranger's account without noticing."""
    one = await browser()
    answer = await one.post("/sign-in", {"name": "Viewer", "password": PASSWORD}, **headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "x", "é", "0" * 64])
async def test_a_form_without_the_sessions_token_changes_nothing(browser, token):
    one = await browser("viewer")
    answer = await one.post("/sign-out", csrf=token)
    if not token:
        answer = await one.post("/sign-out", {"csrf": ""}, csrf="")
    assert (answer.status_code, "csrf_failed" in answer.text) == (403, True)
    assert "reload the page" in answer.text
    assert await one.signed_in()


async def test_the_token_of_another_session_is_worth_nothing(browser):
    """Not even of another session of the same person."""
    one, same, other = await browser("viewer"), await browser("viewer"), await browser("author")
    assert len({one.csrf, same.csrf, other.csrf}) == 3
    for foreign in (same.csrf, other.csrf):
        assert (await one.post("/sign-out", csrf=foreign)).status_code == 403
    assert (await one.post("/sign-out")).status_code == 303


async def test_scripts_send_the_token_in_a_header(browser):
    one = await browser("viewer")
    answer = await one.post("/sign-out", csrf="", x_csrf_token=one.csrf)
    assert answer.status_code == 303


async def test_browsers_that_do_not_say_where_a_form_comes_from_need_the_token(browser):
    one = await browser("viewer")
    silent = {"sec_fetch_site": "", "origin": ""}
    assert (await one.post("/sign-out", csrf="x", **silent)).status_code == 403
    assert (await one.post("/sign-out", **silent)).status_code == 303


async def test_the_public_address_behind_a_proxy_is_ours(services, browser):
    from api.app import create_app

    settings = services.settings.model_copy(update={"public_url": "http://visto.example:9000"})
    fields = {name: getattr(services, name) for name in services.__slots__} | {"settings": settings}
    one = await browser("viewer", at=create_app(type(services)(**fields), relay=False))
    answer = await one.post("/sign-out", sec_fetch_site="", origin="http://visto.example:9000")
    assert answer.status_code == 303


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/json", ""])
async def test_only_forms_are_read_as_forms(browser, kind):
    one = await browser("viewer")
    headers = {"origin": "http://localhost", "accept": "text/html", **({"content-type": kind} if kind else {})}
    answer = await one.client.post("/sign-out", content=f"csrf={one.csrf}".encode(), headers=headers)
    assert answer.status_code == 415
    assert await one.signed_in()


@pytest.mark.parametrize("headers", [{"x_http_method_override": "POST"}, {"x_method_override": "POST"}])
async def test_no_header_makes_a_visit_a_change(browser, headers):
    one = await browser("viewer")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    assert (await one.get(f"/sign-out?csrf={one.csrf}&_method=POST", headers=sent)).status_code == 405
    assert await one.signed_in()
