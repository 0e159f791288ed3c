"""Every route of the application against every kind of caller, and paths written in ways to get around a guard.

The expectation is written down once more, by hand: a slip in ``api.policies`` must not be able to excuse itself. Whoever
adds a page adds a row here.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field

import pytest

from api.app import ROUTERS
from api.console.guard import ConsoleRoute
from api.guard import GuardedRoute, PolicedRoute
from tests.api.console.conftest import CSRF, token_of

CALLERS = ("viewer", "author", "reviewer", "auditor", "admin", "other")

# "other" is an admin of another namespace, who may do there what an admin does here
ANYBODY = {"viewer", "author", "reviewer", "auditor", "admin", "other"}
WRITERS = {"author", "admin", "other"}
STARTERS = {"author", "reviewer", "admin", "other"}
REVIEWERS = {"reviewer", "admin", "other"}
AUDITORS = {"auditor", "admin", "other"}
INVOLVED = STARTERS | AUDITORS
ADMINS = {"admin", "other"}

PUBLIC = {
    "static_file", "choose_theme", "sign_in_page", "sign_in", "sign_out", "link_page", "sign_in_by_link", "password_page",
    "set_password", "start_oidc", "finish_oidc", "mail_link_page", "decide_by_mail",
}  # fmt: skip
ALLOWED: dict[str, set[str]] = {
    # the frame, and one's own account
    **dict.fromkeys(
        ["home_page", "design_page", "live_events", "account_page", "change_password", "end_session", "end_other_sessions"],
        ANYBODY,
    ),
    # work
    **dict.fromkeys(
        ["inbox_page", "inbox_states", "inbox_fresh", "inbox_waiting", "inbox_next", "save_inbox_view", "delete_inbox_view",
         "gate_page", "gate_seen", "gate_as_shown", "gate_passage"],
        ANYBODY,
    ),
    **dict.fromkeys(["gate_preview", "gate_claim", "gate_release", "gate_assign", "gate_extend"], REVIEWERS),
    **dict.fromkeys(["gate_comment"], STARTERS),
    **dict.fromkeys(["inbox_decide", "inbox_undo", "gate_decide", "gate_undo"], REVIEWERS),
    # executions and flows
    **dict.fromkeys(
        ["executions_page", "execution_rows", "execution_page", "execution_elements_page", "execution_timeline_page", "execution_journal_page"],
        ANYBODY,
    ),
    **dict.fromkeys(["act_on_executions", "cancel_run", "restart_run"], STARTERS),
    **dict.fromkeys(["execution_record", "gate_calls"], INVOLVED),
    **dict.fromkeys(
        ["flows_page", "flow_words_data", "flow_source_page", "check_flow_text", "flow_graph_page", "flow_revisions_page",
         "flow_revision_page", "compare_revisions_page", "flow_triggers_page", "flow_activity_page"],
        ANYBODY,
    ),
    **dict.fromkeys(["flow_run_page", "run_flow"], STARTERS),
    **dict.fromkeys(
        ["new_flow_page", "create_flow", "check_new_flow", "save_flow_text", "merge_flow_text", "change_flow_state",
         "restore_revision"],
        WRITERS,
    ),
    # operation
    **dict.fromkeys(["knowledge_page", "collection_page", "document_page", "brakes_page", "brakes_now"], ANYBODY),
    **dict.fromkeys(["connections_page", "add_knowledge_page", "add_knowledge", "remove_knowledge"], WRITERS),
    **dict.fromkeys(
        ["journal_page", "record_page", "as_seen_page", "as_seen_file", "export_records", "verify_now", "verification_page",
         "verification_now"],
        AUDITORS,
    ),
    **dict.fromkeys(
        ["people_page", "new_person_page", "add_person", "person_page", "save_roles", "save_groups", "add_an_identity",
         "remove_an_identity", "make_password_link", "password_link_page", "set_access", "groups_page", "add_group",
         "group_page", "change_members", "correct_person", "remove_this_group", "keys_page", "make_key", "new_key_page", "revoke_this_key", "stop_effects",
         "release_brake", "erase_page", "erase_contents"],
        ADMINS,
    ),
}  # fmt: skip

DENIED = ("missing_role", "missing_scope", "signed_out", "no_key")


@dataclass
class Answer:
    """What came back; ``body`` is what there was of it when the answer had begun to stream."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


async def ask(app, method, path, *, cookie="", form="", accept="text/html", raw=None) -> Answer:
    """One request, as a server hands it to the application; the raw path may differ from the decoded one."""
    answer, sent, left = Answer(), asyncio.Event(), asyncio.Event()
    headers = {"host": "localhost", "accept": accept, "cookie": cookie, "sec-fetch-site": "same-origin"}
    if method == "POST":
        headers |= {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(form))}
    path, _, query = path.partition("?")

    async def receive():
        if not sent.is_set():
            sent.set()
            return {"type": "http.request", "body": form.encode(), "more_body": False}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            if answer.headers.get("content-type", "").startswith("text/event-stream"):
                left.set()
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": (raw or path).encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return answer


def console_routes():
    return [route for router in ROUTERS for route in router.routes if isinstance(route, ConsoleRoute)]


def address(path: str) -> str:
    """The path with something in its places that has the right form and is nobody's."""
    path = re.sub(r"\{[a-z_]+:int\}|\{(number|revision)\}", "1", path)
    return re.sub(r"\{[a-z_]+(:[a-z]+)?\}", "0192f0c1-0000-7000-8000-000000000000", path)


async def cookies(app, database, callers):
    """A cookie and the CSRF token of a session of each caller."""
    found = {}
    for who in CALLERS:
        cookie = f"visto_session={token_of(database, callers, who)}"
        found[who] = cookie, CSRF.search((await ask(app, "GET", "/account", cookie=cookie)).text)[1]
    return found


def test_the_expectation_covers_every_page():
    assert {route.name for route in console_routes()} == ALLOWED.keys() | PUBLIC


def test_every_route_is_guarded_by_its_row():
    routes = [route for router in ROUTERS for route in router.routes]
    assert [route for route in routes if not isinstance(route, ConsoleRoute | GuardedRoute)] == []
    assert all(isinstance(route, PolicedRoute) for route in routes)


async def test_every_page_admits_exactly_the_callers_it_should(app, database, callers):
    """Whoever is not listed gets 403 naming what is missing; whoever is listed gets past the guard."""
    who_is_who, wrong = await cookies(app, database, callers), []
    for route in console_routes():
        if route.name in PUBLIC:
            continue
        for method in route.methods:
            for who, (cookie, csrf) in who_is_who.items():
                answer = await ask(
                    app, method, address(route.path), cookie=cookie, form=f"csrf={csrf}", accept="application/json"
                )
                denied = answer.status in (401, 403) and any(f'"{code}"' in answer.text for code in DENIED)
                assert answer.status < 500 or answer.status == 503, (route.name, who, answer.text)
                if denied is (who in ALLOWED[route.name]):
                    wrong.append((route.name, who, answer.status, answer.text[:200]))
                if route.name == "end_other_sessions":
                    app.state.sessions.forget()
    assert wrong == []


async def test_nobody_gets_in_without_signing_in(app, callers):
    """Pages lead to the sign-in and back; everything else is refused; an API key opens no page."""
    key = f"Bearer {callers.keys['admin']}"
    for route in console_routes():
        if route.name in PUBLIC:
            continue
        path = address(route.path)
        for method in route.methods:
            answer = await ask(app, method, path + "?a=1&b=2")
            if method == "GET":
                assert answer.status == 303, route.name
                assert answer.headers["location"] == f"/sign-in?next={path}%3Fa%3D1%26b%3D2", route.name
            else:
                assert answer.status == 401, route.name
                assert 'href="/sign-in"' in answer.text, route.name
            told = await ask(app, method, path, accept="application/json", cookie=f"authorization={key}")
            assert told.status == 401, route.name


async def test_a_browser_session_opens_nothing_of_the_api(app, database, callers):
    """So no other site can use it there."""
    cookie = f"visto_session={token_of(database, callers, 'admin')}"
    for path in ("/api/v1/me", "/api/v1/keys", "/api/v1/principals"):
        assert (await ask(app, "GET", path, cookie=cookie)).status == 401


PEOPLE = (
    ("//people", None), ("/./people", None), ("/people/", None), ("/People", None), ("/people;x", None), ("/people ", None),
    ("/people\\", None), ("/inbox/..;/people", None), ("/inbox/../people", None), ("/inbox/../people", "/inbox/%2e%2e/people"),
    ("/inbox/../people", "/inbox/..%2fpeople"), ("//people", "/%2fpeople"), ("/people", "/%70eople"), ("/people/.", None),
    ("/people\x00", "/people%00"), ("/people\r\nx: y", "/people%0d%0ax: y"), ("/people?", "/people%3f"),
    ("http://localhost/people", None), ("/static/../people", "/static/..%2fpeople"), ("/static//people", None),
    ("@localhost/people", None), ("", ""),
)  # fmt: skip


@pytest.mark.parametrize("who", [None, "viewer"])
async def test_paths_written_in_other_ways_reach_nothing(app, database, callers, who):
    """``//``, encoded slashes, dots, case and semicolons do not lead around a guard."""
    cookie = f"visto_session={token_of(database, callers, who)}" if who else ""
    for path, raw in PEOPLE:
        for method in ("GET", "POST"):
            answer = await ask(app, method, path, cookie=cookie, raw=raw)
            assert answer.status in (303, 307, 400, 401, 403, 404, 405), (path, raw, method, answer.status)
            assert "viewer@example.com" not in answer.text
            assert not re.match(r"//|/\\|https?:(?!//localhost)", answer.headers.get("location", "")), (
                path,
                answer.headers,
            )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "HEAD", "get", "X"])
async def test_methods_that_a_page_does_not_know_do_nothing(app, database, callers, method):
    cookie = f"visto_session={token_of(database, callers, 'admin')}"
    for path in ("/account", "/people", "/sign-out", "/sign-in"):
        assert (await ask(app, method, path, cookie=cookie)).status == 405
