"""Signing in through a provider: a real one on this machine, over HTTP, with users whose tokens are right or wrong."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from oidc_provider_mock import User
from oidc_provider_mock._server import _threaded_server
from pydantic import SecretStr

from api.app import create_app
from api.console.oidc import OidcMisconfigured, provider
from tests.api.conftest import NS
from tests.api.console.conftest import records
from workflows.settings import Settings
from workflows.store.repositories import principals

pytestmark = pytest.mark.filterwarnings("ignore::Warning:authlib", "ignore::Warning:joserfc")

VERIFIED = {"email": "viewer@example.com", "email_verified": True, "name": "Viewer"}
WRONG = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "other-app"},
    "several audiences without azp": {"aud": ["visto", "other-app"]},
    "issued to another client": {"azp": "other-app"},
    "expired": {"exp": 1_700_000_000},
    "not yet valid": {"nbf": 4_000_000_000},
    "issued in the future": {"iat": 4_000_000_000},
    "another nonce": {"nonce": "something else"},
    "no nonce": {"nonce": None},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "an expiry that is no number": {"exp": "tomorrow"},
}
USERS = {
    "viewer": VERIFIED,
    "shout": VERIFIED | {"email": "AUTHOR@example.com"},
    "unverified": VERIFIED | {"email_verified": False},
    "unsaid": {"email": "viewer@example.com"},
    "pretender": VERIFIED | {"email_verified": "yes"},
    "nobody": {"email": "nobody@example.org", "email_verified": True, "name": "Ursula Neu"},
    "addressless": {"name": "Viewer"},
    "grouped": VERIFIED | {"groups": ["fraud", "unheard-of", 7]},
    "ungrouped": VERIFIED | {"email": "author@example.com", "groups": "cash"},
    **{name: VERIFIED | claims for name, claims in WRONG.items()},
}


class Server:
    """The provider, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        flask = oidc_provider_mock.app(user_claims=[User(sub=sub, claims=claims) for sub, claims in USERS.items()])
        flask.before_request(self._note)
        self.app = flask
        self.issuer = ""

    def _note(self) -> None:
        from flask import request

        self.asked.append({"path": request.path, **request.args.to_dict(), **request.form.to_dict()})

    def consent(self, address: str, sub: str, **query: str) -> str:
        """Let a user sign in at the provider; returns where it sends the browser."""
        found = httpx.post(httpx.URL(address).copy_merge_params(query), data={"sub": sub})
        assert found.status_code == 302, found.text
        return found.headers["location"]

    def refuse(self, address: str) -> str:
        """Let the user say no there."""
        return httpx.post(address, data={"action": "deny"}).headers["location"]


@pytest.fixture(scope="module")
def idp() -> Iterator[Server]:
    made = Server()
    with _threaded_server(made.app) as server:
        made.issuer = f"http://localhost:{server.server_port}"
        yield made


@pytest.fixture
def install(services, idp, callers):
    """An application of an installation that has the provider, with more settings if need be."""

    def make(**settings):
        given = {"oidc_issuer": idp.issuer, "oidc_client_id": "visto", "oidc_client_secret": SecretStr("s3cret&=+ %")}
        changed = services.settings.model_copy(update=given | {"public_url": "http://localhost"} | settings)
        fields = {name: getattr(services, name) for name in services.__slots__} | {"settings": changed}
        return create_app(type(services)(**fields), relay=False)

    return make


async def begin(one, path="/sign-in/oidc"):
    answer = await one.get(path)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def through(one, idp, sub, path="/sign-in/oidc", **query):
    """The whole way there and back; returns the last answer."""
    back = idp.consent(await begin(one, path), sub, **query)
    assert back.startswith("http://localhost/sign-in/oidc/callback?")
    return await one.get(back.removeprefix("http://localhost"))


def identities(database, principal_id):
    found = database.read_sync(lambda tx: principals.identities_of(tx, NS, principal_id))
    return {one.subject for one in found if one.kind == "oidc"}


async def test_the_first_sign_in_links_the_person_by_their_verified_address(browser, install, idp, database, callers):
    one = await browser(at=install(oidc_name="Acme"))
    assert "Sign in with Acme" in (await one.get("/sign-in")).text
    answer = await through(one, idp, "viewer", "/sign-in/oidc?next=/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "Single sign-on" in (await one.get("/account")).text
    assert identities(database, callers.ids["viewer"]) == {f"{idp.issuer}|viewer"}
    (row,) = records(database, "auth.signed_in")
    assert (row.actor_id, f'"sign_in":"oidc:{idp.issuer}"' in row.meta) == (callers.ids["viewer"], True)


async def test_from_then_on_the_subject_counts_whatever_the_address_is(browser, install, idp, database, callers):
    subject = f"{idp.issuer}|nobody"
    database.write_sync(lambda tx: principals.add_identity(tx, NS, callers.ids["reviewer"], "oidc", subject))
    one = await browser(at=install())
    assert (await through(one, idp, "nobody")).status_code == 303
    assert "Reviewer" in (await one.get("/account")).text


async def test_addresses_are_compared_without_regard_to_case(browser, install, idp, database, callers):
    assert (await through(await browser(at=install()), idp, "shout")).status_code == 303
    assert identities(database, callers.ids["author"]) == {f"{idp.issuer}|shout"}


async def test_any_replica_can_finish_what_another_began(browser, install, idp):
    first, second = await browser(at=install()), await browser(at=install())
    back = idp.consent(await begin(first), "viewer")
    second.client.cookies = first.client.cookies
    assert (await second.get(back.removeprefix("http://localhost"))).status_code == 303


async def test_the_code_is_bound_to_the_browser_that_asked_by_pkce(browser, install, idp):
    one = await browser(at=install())
    asked = {name: values[0] for name, values in parse_qs(urlsplit(await begin(one)).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://localhost/sign-in/oidc/callback"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    idp.asked.clear()
    await through(one, idp, "viewer")
    authorised = next(one for one in idp.asked if one["path"] == "/oauth2/authorize")
    exchanged = next(one for one in idp.asked if one["path"] == "/oauth2/token")
    digest = hashlib.sha256(exchanged["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == authorised["code_challenge"]


async def test_what_the_browser_carries_tells_it_nothing(browser, install):
    one = await browser(at=install())
    answer = await one.get("/sign-in/oidc")
    state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"} <= set(cookie.split("; "))
    assert state not in cookie


@pytest.mark.parametrize("sub", WRONG)
async def test_a_token_that_is_not_right_opens_nothing(browser, install, idp, database, sub):
    one = await browser(at=install())
    answer = await through(one, idp, sub)
    assert (answer.status_code, "oidc_token_refused" in answer.text) == (403, True)
    assert not await one.signed_in()
    assert [row.outcome for row in records(database, "auth.failed")] == ["oidc_token_refused"]


@pytest.mark.parametrize(("alg", "key"), [("HS256", "s3cret&=+ %"), ("none", None)])
async def test_a_token_that_others_could_sign_opens_nothing(browser, install, idp, monkeypatch, alg, key):
    """Even when the provider says that it signs so."""
    from oidc_provider_mock import _app

    def config(self, grant, client=None):
        return {"key": {"kty": "oct", "k": base64.urlsafe_b64encode((key or "").encode()).decode()}, "alg": alg,
                "exp": 3600, "iss": idp.issuer}  # fmt: skip

    monkeypatch.setattr(_app, "_JWS_ALG", alg)
    monkeypatch.setattr(_app.OpenIDCode, "get_jwt_config", config)
    one = await browser(at=install())
    answer = await through(one, idp, "viewer")
    assert answer.status_code in (403, 503)
    assert not await one.signed_in()


async def test_keys_that_the_provider_has_changed_are_looked_up_again(browser, install, services):
    """The second provider at the same address has other keys."""
    first = Server()
    with _threaded_server(first.app) as server:
        port = server.server_port
        first.issuer = f"http://localhost:{port}"
        app = install(oidc_issuer=first.issuer)
        assert (await through(await browser(at=app), first, "viewer")).status_code == 303
    second = Server()
    with _threaded_server(second.app, port=port):
        assert (await through(await browser(at=app), second, "viewer")).status_code == 303


async def test_a_code_works_once(browser, install, idp, database):
    one, thief = await browser(at=install()), await browser(at=install())
    back = idp.consent(await begin(one), "viewer").removeprefix("http://localhost")
    thief.client.cookies.update(dict(one.client.cookies))
    assert (await one.get(back)).status_code == 303
    answer = await thief.get(back)
    assert (answer.status_code, "oidc_code_refused" in answer.text) == (403, True)
    answer = await one.get(back)
    assert (answer.status_code, "oidc_not_started_here" in answer.text) == (400, True)


async def test_an_answer_for_another_browser_is_not_taken(browser, install, idp):
    """A stranger's code cannot be slipped to somebody: the state must be the one of their own browser."""
    app = install()
    stranger, victim = await browser(at=app), await browser(at=app)
    back = idp.consent(await begin(stranger), "viewer").removeprefix("http://localhost")
    assert "oidc_not_started_here" in (await victim.get(back)).text
    await begin(victim)
    assert "oidc_not_started_here" in (await victim.get(back)).text
    assert not await victim.signed_in()


async def test_it_must_be_finished_within_ten_minutes(browser, install, idp, clock):
    one = await browser(at=install())
    back = idp.consent(await begin(one), "viewer").removeprefix("http://localhost")
    clock.advance(601)
    assert "oidc_not_started_here" in (await one.get(back)).text


async def test_an_answer_that_names_another_issuer_is_refused(browser, install, idp):
    one = await browser(at=install())
    back = idp.consent(await begin(one), "viewer").removeprefix("http://localhost")
    answer = await one.get(back + "&iss=https://evil.example")
    assert "oidc_answer_refused" in answer.text


async def test_a_no_at_the_provider_is_told_plainly(browser, install, idp):
    one = await browser(at=install())
    address = await begin(one)
    back = idp.refuse(address)
    if "state=" not in back:
        back += "&state=" + parse_qs(urlsplit(address).query)["state"][0]
    answer = await one.get("/sign-in/oidc/callback?" + urlsplit(back).query)
    assert (answer.status_code, "did not let you in" in answer.text) == (403, True)


@pytest.mark.parametrize("sub", ["unverified", "unsaid", "pretender", "addressless"])
async def test_an_address_that_nobody_confirmed_recognises_nobody(browser, install, idp, database, callers, sub):
    one = await browser(at=install(oidc_sign_up="viewer"))
    answer = await through(one, idp, sub)
    assert (answer.status_code, "email_not_verified" in answer.text) == (403, True)
    assert f"{idp.issuer}|{sub}" in answer.text
    assert identities(database, callers.ids["viewer"]) == set()


async def test_a_stranger_is_told_whom_to_ask(browser, install, idp, database):
    answer = await through(await browser(at=install()), idp, "nobody")
    assert (answer.status_code, "unknown_person" in answer.text) == (403, True)
    assert "visto people add &#34;Ursula Neu&#34; --email nobody@example.org" in answer.text
    assert database.read_sync(lambda tx: principals.named(tx, NS, "Ursula Neu")) == []


async def test_strangers_become_viewers_where_that_is_wanted(browser, install, idp, database):
    one = await browser(at=install(oidc_sign_up="viewer"))
    assert (await through(one, idp, "nobody")).status_code == 303
    (person,) = database.read_sync(lambda tx: principals.named(tx, NS, "Ursula Neu"))
    profile = database.read_sync(lambda tx: principals.profile(tx, NS, person.id))
    assert (profile.roles, person.email) == (("viewer",), "nobody@example.org")


async def test_an_address_that_went_to_somebody_else_does_not_bring_the_account(
    browser, install, idp, database, callers
):
    subject = f"{idp.issuer}|someone-before"
    database.write_sync(lambda tx: principals.add_identity(tx, NS, callers.ids["viewer"], "oidc", subject))
    answer = await through(await browser(at=install()), idp, "viewer")
    assert (answer.status_code, "other_account" in answer.text) == (403, True)


async def test_a_disabled_person_stays_out(browser, install, idp, database, callers):
    database.write_sync(lambda tx: principals.disable(tx, NS, callers.ids["viewer"]))
    answer = await through(await browser(at=install()), idp, "viewer")
    assert (answer.status_code, "account_disabled" in answer.text) == (403, True)


async def test_groups_that_exist_here_follow_the_provider(browser, install, idp, database, callers):
    def prepare(tx):
        for name in ("fraud", "cash", "night"):
            principals.create_group(tx, NS, name)
        principals.add_member(tx, NS, "night", callers.ids["viewer"])

    database.write_sync(prepare)
    app = install(oidc_groups_claim="groups")
    assert (await through(await browser(at=app), idp, "grouped")).status_code == 303
    assert (await through(await browser(at=app), idp, "ungrouped")).status_code == 303
    found = {
        who: database.read_sync(lambda tx, who=who: principals.profile(tx, NS, callers.ids[who])).groups
        for who in ("viewer", "author")
    }
    assert found == {"viewer": ("fraud",), "author": ("cash",)}
    assert database.read_sync(lambda tx: principals.list_groups(tx, NS)) == ["cash", "fraud", "night"]


async def test_a_provider_that_is_away_is_a_page_with_a_remedy(browser, install, closed_port):
    one = await browser(at=install(oidc_issuer=f"http://localhost:{closed_port}"))
    answer = await one.get("/sign-in/oidc")
    assert (answer.status_code, "oidc_unavailable" in answer.text) == (503, True)
    assert answer.headers["retry-after"]
    assert (await one.get("/sign-in")).status_code == 200


async def test_a_provider_that_calls_itself_otherwise_is_not_used(browser, install, idp):
    one = await browser(at=install(oidc_issuer=idp.issuer + "/"))
    assert (await one.get("/sign-in/oidc")).status_code == 503


async def test_without_a_provider_there_is_no_button_and_no_way(browser):
    one = await browser()
    assert "/sign-in/oidc" not in (await one.get("/sign-in")).text
    assert (await one.get("/sign-in/oidc")).status_code == 404
    assert (await one.get("/sign-in/oidc/callback?code=x&state=y")).status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_issuer": "https://id.example"},
        {"oidc_client_id": "visto"},
        {"oidc_issuer": "http://id.example", "oidc_client_id": "visto", "oidc_client_secret": SecretStr("s")},
    ],
)
def test_half_a_configuration_stops_the_start(given):
    with pytest.raises(OidcMisconfigured):
        provider(Settings(**given))


def test_authlib_is_not_loaded_by_an_installation_without_a_provider():
    code = "import sys, api.app; sys.exit(any(name in sys.modules for name in ('authlib', 'joserfc', 'argon2')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
