"""What an activity raises, as the flow and its reader learn it: code, words, remedy, and who tries again."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from agents.contracts import AgentError
from connectors.base import ConnectorError
from rag.model import KnowledgeUnavailable
from workflows.arbiter.model import PreflightRefused
from workflows.failures import as_failure
from workflows.store.db import StoreUnavailable


def details(error: BaseException) -> dict[str, Any]:
    found: dict[str, Any] = dict(as_failure(error).details[0])
    return found


def test_a_permanent_error_keeps_its_code_and_remedy() -> None:
    error = ConnectorError("no", code="not_found", permanent=True, remedy="Look elsewhere.")
    failure = as_failure(error)
    assert (failure.type, failure.message, failure.non_retryable) == ("not_found", "no", True)
    assert details(error) == {"code": "not_found", "remedy": "Look elsewhere."}


@pytest.mark.parametrize("code", ["timeout", "rate_limit", "server_error"])
def test_transient_codes_go_back_to_the_plan_which_decides(code: str) -> None:
    """Temporal itself never repeats them: an attempt is what the YAML counts."""
    error = AgentError("later", code=code, permanent=False, retry_after_s=2.5)
    failure = as_failure(error)
    assert (failure.type, failure.non_retryable) == (code, True)
    assert details(error)["retry_after_ms"] == 2500


def test_a_finer_transient_code_is_retried_as_a_server_error_and_told_by_its_own_name() -> None:
    error = KnowledgeUnavailable("Chroma does not answer.", remedy="Start it.")
    assert as_failure(error).type == "server_error"
    assert details(error)["code"] == "retrieval_unavailable"


def test_a_store_that_is_away_is_nobodys_fault() -> None:
    failure = as_failure(StoreUnavailable("The store is locked.", "Close what holds it."))
    assert (failure.type, failure.non_retryable) == ("store_unavailable", False)
    assert failure.next_retry_delay is not None


def test_a_pause_is_waited_for() -> None:
    failure = as_failure(PreflightRefused("paused", "Paused by ops.", remedy="Resume it.", transient=True))
    assert (failure.type, failure.non_retryable) == ("paused", False)


def test_a_refused_permit_is_final() -> None:
    failure = as_failure(PreflightRefused("digest_mismatch", "Not what was approved.", remedy="Restart."))
    assert (failure.type, failure.non_retryable) == ("digest_mismatch", True)


def test_wrong_properties_name_the_field() -> None:
    class Model(BaseModel):
        amount: int

    with pytest.raises(ValueError) as caught:
        Model.model_validate({"amount": "many"})
    failure = as_failure(caught.value)
    assert failure.type == "bad_request"
    assert "amount" in (failure.message or "")


def test_what_nobody_foresaw_tells_no_details() -> None:
    """The text of an unknown exception may hold anything; it stays in the worker's log."""
    failure = as_failure(RuntimeError("password=hunter2"))
    assert failure.type == "internal"
    assert "hunter2" not in str(failure)
    assert "RuntimeError" in (failure.message or "")
