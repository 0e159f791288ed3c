"""Who may call what: every route against every kind of caller, and a start that is refused without a policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from api import policies
from api.app import ROUTERS
from api.guard import GuardedRoute, RouteWithoutPolicy, check_policies, guarded_router
from api.policies import Policy

CALLERS = ("anon", "viewer", "author", "reviewer", "auditor", "admin", "service", "other")
DENIED = {"no_key", "invalid_key", "missing_scope", "missing_role"}

# The expectation is written down here once more, by hand: a slip in the table must not be able to excuse itself.
EVERY_ROLE = {"viewer", "author", "reviewer", "auditor", "admin", "service", "other"}
WRITERS = {"author", "admin", "service", "other"}
STARTERS = {"author", "reviewer", "admin", "service", "other"}
REVIEWERS = {"reviewer", "admin", "service", "other"}
AUDITORS = {"auditor", "admin", "service", "other"}
ADMINS = {"admin", "other"}
ALLOWED: dict[str, set[str]] = {
    **dict.fromkeys(
        [
            "me",
            "list_flows",
            "flow_schema",
            "get_flow",
            "list_revisions",
            "get_revision",
            "flow_graph",
            "validate_flow",
            "list_executions",
            "get_execution",
            "execution_result",
            "execution_timeline",
            "list_gates",
            "get_gate",
            "view_gate",
            "list_knowledge",
            "search_knowledge",
            "list_pauses",
        ],
        EVERY_ROLE,
    ),
    **dict.fromkeys(["save_flow", "save_flow_as", "set_flow_state", "add_document"], WRITERS),
    **dict.fromkeys(["start_execution", "cancel_execution", "restart_execution", "comment_gate"], STARTERS),
    **dict.fromkeys(
        [
            "preview_edit",
            "decide_gate",
            "decide_gates",
            "undo_decision",
            "claim_gate",
            "release_gate",
            "assign_gate",
            "extend_gate",
        ],
        REVIEWERS,
    ),
    **dict.fromkeys(
        ["verify_journal", "search_journal", "explain_execution", "export_journal", "gate_as_seen"], AUDITORS
    ),
    **dict.fromkeys(
        [
            "erase_subject",
            "list_principals",
            "create_principal",
            "disable_principal",
            "grant_role",
            "revoke_role",
            "add_identity",
            "list_groups",
            "create_group",
            "remove_group",
            "correct_principal",
            "add_group_member",
            "remove_group_member",
            "list_keys",
            "create_key",
            "revoke_key",
            "pause",
            "resume",
        ],
        ADMINS,
    ),
}
PUBLIC = {"health", "ready", "receive_webhook"}


def operations(app: FastAPI) -> list[tuple[str, str, str]]:
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return [(found["operationId"], method, path) for path, by in paths.items() for method, found in by.items()]


async def test_every_route_admits_exactly_the_callers_it_should(app, api):
    """Whoever is not listed gets 401 or 403 and nothing else; whoever is listed never does."""
    wrong = []
    for name, method, path in operations(app):
        if name in PUBLIC:
            continue
        address = re.sub(r"\{number\}", "1", path.removeprefix("/api/v1"))
        address = re.sub(r"\{role\}", "viewer", re.sub(r"\{group\}", "nobody", address))
        address = re.sub(r"\{[a-z_]+\}", "0192f0c1-0000-7000-8000-000000000000", address)
        for who in CALLERS:
            answer = await api(who, method.upper(), address)
            code = answer.json().get("code") if answer.headers["content-type"] == "application/problem+json" else None
            admitted = code not in DENIED
            assert answer.status_code < 500 or name in ("search_knowledge", "list_knowledge"), (name, who, answer.text)
            if admitted != (who in ALLOWED[name]):
                wrong.append((name, who, answer.status_code, code))
    assert wrong == []


def test_the_expectation_covers_every_route_of_the_api():
    """Pages of the console have their own expectation."""
    documents = {"openapi_document", "docs_page", "live", "ready_probe", "slack_events"}
    routes = {route.name for router in ROUTERS for route in router.routes if isinstance(route, GuardedRoute)}
    assert ALLOWED.keys() | PUBLIC | documents == routes


async def test_a_route_without_a_policy_stops_the_start():
    router = guarded_router()
    with pytest.raises(RouteWithoutPolicy, match="forgotten"):

        @router.get("/forgotten")
        async def forgotten() -> None: ...


def test_a_policy_without_a_route_stops_the_start(monkeypatch):
    monkeypatch.setitem(policies.POLICIES, "long_gone", Policy())
    with pytest.raises(RouteWithoutPolicy, match="long_gone"):
        check_policies([])


def test_an_unguarded_route_stops_the_start():
    router = APIRouter()

    @router.get("/health")
    async def health() -> None: ...

    with pytest.raises(RouteWithoutPolicy, match="not guarded"):
        check_policies([router])


def test_two_routes_of_one_name_cannot_share_a_policy():
    router = guarded_router()

    async def first() -> None: ...

    async def second() -> None: ...

    router.add_api_route("/first", first, name="health")
    router.add_api_route("/second", second, name="health")
    assert all(isinstance(route, GuardedRoute) for route in router.routes)
    with pytest.raises(RouteWithoutPolicy, match="share the name"):
        check_policies([router])


async def test_paths_written_in_other_ways_reach_nothing(api):
    """``//``, encoded slashes and dots do not lead around a policy."""
    for path in ("//keys", "/%2e%2e/keys", "/flows/%2e%2e/keys", "/keys/", "/KEYS", "/./keys", "/flows/..%2fkeys"):
        answer = await api("viewer", "GET", path)
        assert answer.status_code in (307, 401, 403, 404), (path, answer.status_code)
