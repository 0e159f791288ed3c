"""Signing in as people do it: by keyboard, without scripts, on a phone; and what another site's page can do, which is nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visitors, fits
from tests.browser.house import House
from workflows.store.repositories import passwords, principals
from workflows.usecases.passwords import hash_now
from workflows.usecases.sign_in_links import make

PASSWORD = "seven purple boats at noon"
NS = "default"


def person(house: House, who: str) -> str:
    (found,) = house.db.read_sync(lambda tx: principals.named(tx, NS, who))
    return found.id


@pytest.fixture
def ana(house: House) -> str:
    """Her id; she has a password."""
    who, hash_ = person(house, "Ana"), hash_now(PASSWORD)
    house.db.write_sync(lambda tx: passwords.put(tx, NS, who, hash_))
    return who


@pytest.fixture
def link(house: House) -> Callable[[str, str], str]:
    """``link("Ana", "password")`` is the path of a new link."""

    def made(who: str, purpose: str) -> str:
        principal, life = person(house, who), timedelta(hours=1)
        journal = house.services.journal
        return house.db.write_sync(lambda tx: make(tx, journal, NS, principal, purpose, life=life, via="cli"))[0]  # type: ignore[arg-type]

    return made


@pytest.mark.usefixtures("ana")
@pytest.mark.parametrize("js", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_one_signs_in_by_keyboard_alone_and_lands_where_one_wanted_to_go(
    visit: Visitors, shot: Callable[..., Path], js: bool, phone: bool
) -> None:
    page = visit(None, "/design?x=1", js=js, phone=phone)
    page.get_by_label("Name or e-mail address").focus()
    page.keyboard.type("Ana")
    page.keyboard.press("Tab")
    page.keyboard.type("not my password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The name or the password is not right.")
    shot(page, f"sign-in-refused-{'phone' if phone else 'wide'}")
    assert page.get_by_label("Name or e-mail address").input_value() == "Ana"
    page.get_by_label("Password").focus()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/design?x=1")
    expect(page.get_by_role("heading", name="Design system")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_every_page_of_signing_in_is_accessible_and_fits(
    visit: Visitors,
    link: Callable[[str, str], str],
    ana: str,
    accessible: Callable[[Page], None],
    shot: Callable[..., Path],
    phone: bool,
    dark: bool,
) -> None:
    paths = {
        "form": "/sign-in",
        "link": link("Ana", "sign-in"),
        "password": link("Ana", "password"),
        "used": "/sign-in/link/x",
    }
    page = visit(None, phone=phone, dark=dark)
    for name, path in paths.items():
        page.goto(path)
        accessible(page)
        assert fits(page), name
        shot(page, f"sign-in-{name}-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}")
    page = visit("Ana", "/account", phone=phone, dark=dark)
    accessible(page)
    assert fits(page)
    shot(page, f"account-{'phone' if phone else 'wide'}-{'dark' if dark else 'light'}", full=True)


@pytest.mark.parametrize("js", [True, False], ids=["scripts", "no-scripts"])
def test_an_invitation_leads_to_a_password_and_into_the_console(
    visit: Visitors, link: Callable[[str, str], str], js: bool
) -> None:
    page = visit(None, link("Ana", "password"), js=js)
    page.get_by_label("New password").fill("ana ana ana ana")
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("alert")).to_contain_text("Take at least 12 characters")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()
    expect(page.get_by_role("status").filter(has_text="Your password is set")).to_be_visible()
    page.get_by_label("Name or e-mail address").fill("Ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/inbox")


def test_one_ends_another_browsers_session_and_signs_out(visit: Visitors) -> None:
    here, there = visit("Ana", "/account"), visit("Ana", "/account")
    here.reload()
    here.get_by_role("row").filter(has_not_text="this one").get_by_role("button", name="End").first.click()
    expect(here.get_by_role("status").filter(has_text="ended")).to_be_visible()
    there.goto("/inbox")
    assert "/sign-in?next=/inbox" in there.url
    here.locator("details.whoami summary").click()
    here.get_by_role("button", name="Sign out").click()
    here.wait_for_url("**/sign-in")
    here.go_back()
    here.reload()
    assert "/sign-in" in here.url


EVIL = b"""<!doctype html><title>win a prize</title><form method="post" action="%s/sign-out" id="f">
<input name="csrf" value="guess"></form><script>document.getElementById("f").submit()</script>"""
FRAME = b"""<!doctype html><title>frame</title><iframe src="%s/account" width="600" height="600"></iframe>"""


@pytest.fixture
def evil(house: House) -> Iterator[str]:
    """Another site on this machine, whose pages post forms to the console and put it into frames."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = (FRAME if self.path == "/frame" else EVIL) % house.url.encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_another_sites_page_cannot_act_with_ones_cookie_or_frame_the_console(
    browser: Browser, house: House, evil: str
) -> None:
    """From another host the cookie does not travel; from another port of the same host the origin gives it away."""
    for site in (evil, evil.replace("localhost", "127.0.0.1")):
        context = browser.new_context(base_url=house.url)
        context.add_cookies([house.cookie("Ana")])  # type: ignore[list-item]
        page = context.new_page()
        with page.expect_response("**/sign-out") as caught:
            page.goto(site)
        assert caught.value.status == 403
        page.goto("/account")
        assert page.url.endswith("/account")
        page.goto(f"{site}/frame")
        (framed,) = page.frames[1:]
        assert framed.locator("html").get_attribute("data-theme") is None  # Chromium's own error, not a page of ours
        expect(framed.locator("body")).to_contain_text("refused to connect")
        context.close()
