"""Every error has one wording, a remedy and a place; nobody reads a traceback."""

from __future__ import annotations

import logging

import pytest

from api.errors import problem_of
from rag.model import BadQuery, KnowledgeUnavailable, UnknownCollection
from workflows.gates.refusals import invalid_edit, stale_revision
from workflows.gateway import TemporalUnavailable
from workflows.store.db import StoreUnavailable
from workflows.store.refusals import AlreadyExists, IdempotencyConflict, InvalidCursor, NotFound
from workflows.usecases.refusals import flow_not_found, invalid_flow, invalid_inputs

CASES = [
    (stale_revision(1, 2), 409, "stale_revision"),
    (invalid_edit({"risk": ["must be low, medium or high"]}), 422, "invalid_edit"),
    (flow_not_found("x"), 404, "flow_not_found"),
    (invalid_inputs({"file": ["is required"]}), 422, "invalid_inputs"),
    (invalid_flow([{"line": 1}]), 422, "invalid_flow"),
    (StoreUnavailable("full", "Free disk space."), 503, "store_unavailable"),
    (TemporalUnavailable("gone"), 503, "temporal_unavailable"),
    (NotFound("principal", "p"), 404, "not_found"),
    (AlreadyExists("e-mail", "a@b"), 409, "already_exists"),
    (IdempotencyConflict("k", "e"), 422, "idempotency_key_reused"),
    (InvalidCursor(), 400, "invalid_cursor"),
    (KnowledgeUnavailable("down", remedy="Start Chroma."), 503, "knowledge_unavailable"),
    (UnknownCollection("none", remedy="Ingest first."), 404, "unknown_collection"),
    (BadQuery("empty", remedy="Ask something."), 422, "bad_query"),
    (RuntimeError("secret-canary"), 500, "internal_error"),
]


@pytest.mark.parametrize(("error", "status", "code"), CASES)
def test_each_error_has_its_status_code_and_remedy(error, status, code):
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    assert problem.remedy
    assert problem.title


def test_the_words_of_an_unknown_error_stay_in_the_log():
    assert "secret-canary" not in problem_of(RuntimeError("secret-canary")).model_dump_json()


def test_a_refused_edit_names_its_fields_and_a_stale_one_what_is_current():
    assert problem_of(invalid_edit({"risk": ["is unknown"]})).fields == {"risk": ["is unknown"]}
    assert problem_of(stale_revision(1, 2)).context == {"seen": 1, "current": 2}


async def test_a_broken_store_is_503_with_retry_after(api, services, monkeypatch):
    async def down(_unit):
        raise StoreUnavailable("The store did not answer.", "Check the database.")

    await api("viewer", "GET", "/me")
    monkeypatch.setattr(type(services.db), "read", lambda _self, unit: down(unit))
    answer = await api("viewer", "GET", "/flows")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"]
    assert (await api("viewer", "GET", "/ready")).status_code == 503


async def test_an_unforeseen_error_is_logged_and_answered_without_a_traceback(api, monkeypatch, caplog):
    def broken(*_args, **_more):
        raise RuntimeError("canary-in-message")

    monkeypatch.setattr("workflows.store.repositories.flows.list_flows", broken)
    with caplog.at_level(logging.ERROR):
        answer = await api("viewer", "GET", "/flows")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "canary" not in answer.text
    assert "canary-in-message" in caplog.text


async def test_a_wrong_request_names_its_fields_and_does_not_repeat_values(api):
    answer = await api("admin", "POST", "/keys", json={"principal_id": 5, "nam": "secret-value", "scopes": []})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) >= {"name", "nam", "scopes", "principal_id"}
    assert "secret-value" not in answer.text


async def test_unknown_addresses_and_methods_are_problems_too(api):
    for method, path, status in (("GET", "/nothing", 404), ("PATCH", "/flows", 405)):
        answer = await api("admin", method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["remedy"]
