"""Calls are recorded before they leave and answered from the record afterwards; effects happen once or are asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.rows import NS
from workflows.journal import effects, read
from workflows.journal.effects import Effect
from workflows.journal.erase import erase
from workflows.journal.fencing import Fenced
from workflows.journal.findings import Verdict
from workflows.journal.recorder import DbRecorder
from workflows.journal.records import AuditConflict, Journal
from workflows.journal.sealed_answers import AnswerErased
from workflows.journal.verify import verify
from workflows.store.db import Database
from workflows.store.repositories import operations

Recorders = Callable[[int], DbRecorder]
Unnumbered = Callable[[], DbRecorder]


@dataclass(frozen=True)
class Call:
    key: str = "op:h:0"
    op_id: str = "op"
    kind: str = "llm"
    request_hash: str = "h"
    request: Any = "Is order 7 risky?"
    meta: dict[str, Any] = field(default_factory=lambda: {"position": "llm:0:1"})


@dataclass(frozen=True)
class Used:
    calls: int = 1
    input_tokens: int = 40
    output_tokens: int = 2
    usd: float | None = 0.0012


@pytest.fixture
def recorder(database: Database, journal: Journal) -> Recorders:
    """Makes the recorder of an attempt with the given fencing number."""
    return lambda fence: DbRecorder(
        database, journal, namespace=NS, execution_id="e1", flow_id="f", path="ask", attempt=fence, fence=fence
    )


@pytest.fixture
def unnumbered(database: Database, journal: Journal) -> Unnumbered:
    """Makes the recorder of an attempt that takes its own fencing number."""
    return lambda: DbRecorder(database, journal, namespace=NS, execution_id="e1", flow_id="f", path="ask", fence=None)


def _kinds(db: Database, journal: Journal) -> list[str]:
    return [entry.kind for entry in db.read_sync(lambda tx: read.timeline(tx, journal.keyring, NS, "e1"))]


async def test_an_answered_call_is_never_made_again(recorder: Recorders, database: Database, journal: Journal) -> None:
    """The next attempt gets the recorded answer, and nothing new is recorded."""
    assert await recorder(1).begin(Call()) is None
    await recorder(1).finish(Call(), {"risk": "high"}, Used())
    assert await recorder(2).begin(Call()) == {"risk": "high"}
    assert _kinds(database, journal) == ["llm.request", "llm.response"]


async def test_prompt_answer_and_usage_are_in_the_journal(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    await recorder(1).begin(Call())
    await recorder(1).finish(Call(), "yes", Used())
    request, response = database.read_sync(lambda tx: read.timeline(tx, journal.keyring, NS, "e1"))
    assert request.content == {"request": "Is order 7 risky?"}
    assert response.content == {"answer": "yes"}
    assert response.meta["usage"]["usd"] == 0.0012
    row = database.read_sync(lambda tx: operations.get(tx, NS, "op:h:0"))
    assert row is not None
    assert (row.usd, row.tokens) == (0.0012, 42)


async def test_a_request_without_an_answer_is_asked_once_more_and_said_so(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    """Killed between request and answer: the loss is visible, never silent."""
    await recorder(1).begin(Call())
    assert await recorder(2).begin(Call()) is None
    await recorder(2).finish(Call(), "yes")
    assert _kinds(database, journal) == ["llm.request", "llm.unknown_outcome", "llm.request", "llm.response"]
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


async def test_a_failed_call_is_simply_made_again(recorder: Recorders, database: Database, journal: Journal) -> None:
    await recorder(1).begin(Call())
    await recorder(1).fail(Call(), "429 too many requests", "rate_limit")
    assert await recorder(2).begin(Call()) is None
    assert _kinds(database, journal) == ["llm.request", "llm.failed", "llm.request"]


async def test_another_request_under_the_same_key_is_a_divergence_and_goes_out(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    await recorder(1).begin(Call(kind="tool"))
    await recorder(1).finish(Call(kind="tool"), 1)
    changed = Call(kind="tool", request_hash="h2")
    assert await recorder(2).begin(changed) is None
    await recorder(2).finish(changed, 2)
    assert await recorder(3).begin(changed) == 2
    assert "tool.divergence" in _kinds(database, journal)
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


@pytest.mark.parametrize("kind", ["retrieval", "embedding"])
async def test_a_look_up_is_recorded_once_when_it_is_answered(
    recorder: Recorders, database: Database, journal: Journal, kind: str
) -> None:
    """One record holds both question and hits; a repeat is answered from it."""
    call = Call(kind=kind, request={"query": "refund"})
    assert await recorder(1).begin(call) is None
    assert _kinds(database, journal) == []
    await recorder(1).finish(call, ["chunk-1"])
    assert await recorder(2).begin(call) == ["chunk-1"]
    (entry,) = database.read_sync(lambda tx: read.timeline(tx, journal.keyring, NS, "e1"))
    assert (entry.kind, entry.content) == (kind, {"request": {"query": "refund"}, "answer": ["chunk-1"]})


async def test_a_zombie_can_neither_ask_nor_answer(recorder: Recorders, database: Database, journal: Journal) -> None:
    """After a later attempt's first write, the earlier attempt is refused."""
    zombie, successor = recorder(1), recorder(2)
    await zombie.begin(Call())
    await successor.begin(Call())
    before = _kinds(database, journal)
    for late in (
        zombie.begin(Call(key="op:h:1")),
        zombie.finish(Call(), "late"),
        zombie.fail(Call(), "late", "timeout"),
    ):
        with pytest.raises(Fenced):
            await late
    assert _kinds(database, journal) == before


async def test_attempts_that_race_let_one_request_out_per_fence(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    """Eight attempts at once: whoever holds the highest number goes on, no chain forks."""
    results = await asyncio.gather(*(recorder(n).begin(Call()) for n in range(1, 9)), return_exceptions=True)
    assert {type(result) for result in results} <= {type(None), Fenced}
    assert results[7] is None
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


async def test_an_attempt_without_a_number_takes_the_next_one(unnumbered: Unnumbered, database: Database) -> None:
    """A local activity knows no clock but its worker's: whoever writes first later is the later attempt."""
    zombie, successor = unnumbered(), unnumbered()
    await zombie.begin(Call())
    await successor.begin(Call())
    with pytest.raises(Fenced):
        await zombie.finish(Call(), "late")
    await successor.finish(Call(), "yes")
    assert await unnumbered().begin(Call()) == "yes"


async def test_an_attempt_that_was_overtaken_goes_on_when_it_is_tried_again(
    unnumbered: Unnumbered, recorder: Recorders
) -> None:
    """If the one who overtook was the dead one, the living one's next try overtakes it in turn."""
    living, waking = recorder(7), unnumbered()
    await living.begin(Call())
    await waking.begin(Call())
    with pytest.raises(Fenced):
        await living.finish(Call(), "yes")
    again = recorder(9)
    assert await again.begin(Call()) is None
    await again.finish(Call(), "yes")
    with pytest.raises(Fenced):
        await waking.finish(Call(), "late")


async def test_the_offline_models_answer_is_one_record_with_its_request(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    """It costs nothing to ask it again, so nothing is written ahead; what it was asked stands beside what it said."""
    call = Call(request={"messages": ["hello"]}, meta={"provider": "offline", "model": "offline-1"})
    assert await recorder(1).begin(call) is None
    assert _kinds(database, journal) == []
    await recorder(1).finish(call, "hi")
    assert await recorder(2).begin(call) == "hi"
    (entry,) = database.read_sync(lambda tx: read.timeline(tx, journal.keyring, NS, "e1"))
    assert (entry.kind, entry.content) == ("llm.response", {"request": {"messages": ["hello"]}, "answer": "hi"})
    assert entry.meta["model"] == "offline-1"
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


async def test_a_look_up_that_failed_says_what_was_asked(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    call = Call(kind="retrieval", request={"query": "refund"})
    await recorder(1).begin(call)
    await recorder(1).fail(call, "no answer", "retrieval_unavailable")
    (entry,) = database.read_sync(lambda tx: read.timeline(tx, journal.keyring, NS, "e1"))
    assert (entry.kind, entry.outcome) == ("retrieval.failed", "retrieval_unavailable")
    assert entry.content == {"error": "no answer", "request": {"query": "refund"}}


async def test_a_look_up_may_fail_in_different_ways_before_it_is_answered(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    """Each time is a record of its own; once there is an answer, a straggler's failure changes nothing."""
    call = Call(kind="retrieval", request={"query": "refund"})
    for fence, words in ((1, "connection refused"), (2, "no answer in time")):
        assert await recorder(fence).begin(call) is None
        await recorder(fence).fail(call, words, "retrieval_unavailable")
    await recorder(3).finish(call, ["chunk-1"])
    await recorder(3).fail(call, "too late", "retrieval_unavailable")
    assert await recorder(4).begin(call) == ["chunk-1"]
    assert _kinds(database, journal) == ["retrieval.failed", "retrieval.failed", "retrieval"]
    assert verify(database, journal.keyring).verdict is Verdict.VERIFIED


async def test_a_look_up_with_another_question_is_made_anew(recorder: Recorders, database: Database) -> None:
    await recorder(1).finish(Call(kind="retrieval"), ["chunk-1"])
    other = Call(kind="retrieval", request_hash="h2")
    assert await recorder(2).begin(other) is None
    await recorder(2).finish(other, ["chunk-2"])
    assert await recorder(3).begin(other) == ["chunk-2"]


async def test_an_erased_answer_is_neither_returned_nor_asked_for_again(
    recorder: Recorders, database: Database, journal: Journal
) -> None:
    await recorder(1).begin(Call())
    await recorder(1).finish(Call(), "yes")
    database.write_sync(lambda tx: erase(tx, journal, NS, "execution:e1", by="dpo", via="cli", legal_basis="GDPR 17"))
    with pytest.raises(AnswerErased):
        await recorder(2).begin(Call())


async def test_notes_and_the_hash_at_a_position(recorder: Recorders, database: Database, journal: Journal) -> None:
    await recorder(1).begin(Call())
    assert await recorder(2).recorded_hash("op", "llm:0:1") == "h"
    assert await recorder(2).recorded_hash("op", "llm:0:2") is None
    await recorder(2).note("llm.divergence", {"position": "llm:0:1"}, {"now": "h2"})
    assert _kinds(database, journal)[-1] == "llm.divergence"


def _effect(fence: int | None = 1, **more: Any) -> Effect:
    values: dict[str, Any] = {"namespace": NS, "execution_id": "e1", "flow_id": "f", "path": "write", "op_id": "w"}
    values |= {
        "request": {"row": 1},
        "request_hash": "h",
        "action_digest": "d" * 64,
        "attempt": fence or 1,
        "fence": fence,
    }
    return Effect(**{**values, **more})


def _intent(db: Database, journal: Journal, effect: Effect, *, idempotent: bool = False) -> effects.IntentState:
    return db.write_sync(lambda tx: effects.intent(tx, journal, effect, idempotent=idempotent))


def test_an_applied_effect_is_not_done_again(database: Database, journal: Journal) -> None:
    assert _intent(database, journal, _effect()).state == "new"
    database.write_sync(lambda tx: effects.applied(tx, journal, _effect(), {"range": "A7"}))
    assert _intent(database, journal, _effect(2)) == effects.IntentState("applied", {"range": "A7"})
    assert _kinds(database, journal) == ["action.intent", "action.applied"]


def test_an_effect_of_unknown_outcome_stops_for_a_person(database: Database, journal: Journal) -> None:
    """However often it is retried: it is recorded as unknown once, and never done."""
    _intent(database, journal, _effect())
    assert [_intent(database, journal, _effect(n)).state for n in (2, 3)] == ["unknown", "unknown"]
    assert _kinds(database, journal) == ["action.intent", "action.unknown_outcome"]


def test_an_idempotent_receiver_gets_the_effect_again(database: Database, journal: Journal) -> None:
    _intent(database, journal, _effect())
    assert _intent(database, journal, _effect(2), idempotent=True).state == "new"
    assert _kinds(database, journal) == ["action.intent", "action.unknown_outcome", "action.intent"]


def test_an_effect_known_to_have_failed_may_be_tried_again(database: Database, journal: Journal) -> None:
    _intent(database, journal, _effect())
    database.write_sync(lambda tx: effects.failed(tx, journal, _effect(), error="503", code="server_error"))
    assert _intent(database, journal, _effect(2)).state == "new"


def test_another_effect_under_the_same_operation_is_refused(database: Database, journal: Journal) -> None:
    """What was approved is what runs: other arguments are another operation."""
    _intent(database, journal, _effect())
    with pytest.raises(AuditConflict):
        _intent(database, journal, _effect(2, request_hash="other"))


def test_what_was_applied_stays_applied_whatever_is_asked_later(database: Database, journal: Journal) -> None:
    _intent(database, journal, _effect())
    database.write_sync(lambda tx: effects.applied(tx, journal, _effect(), {"range": "A7"}))
    assert _intent(database, journal, _effect(2, request_hash="other")) == effects.IntentState(
        "applied", {"range": "A7"}
    )


def test_a_zombies_effect_is_refused(database: Database, journal: Journal) -> None:
    _intent(database, journal, _effect(1))
    _intent(database, journal, _effect(2), idempotent=True)
    with pytest.raises(Fenced):
        database.write_sync(lambda tx: effects.applied(tx, journal, _effect(1), {}))


def test_an_effect_without_a_number_goes_on_with_the_one_its_intent_took(database: Database, journal: Journal) -> None:
    """It overtakes what came before, and is overtaken by what comes after."""
    _intent(database, journal, _effect(5))
    taken = _intent(database, journal, _effect(fence=None), idempotent=True)
    assert taken.fence == 6
    with pytest.raises(Fenced):
        database.write_sync(lambda tx: effects.applied(tx, journal, _effect(5), {}))
    database.write_sync(lambda tx: effects.applied(tx, journal, _effect(taken.fence), {"range": "A7"}))
    assert _intent(database, journal, _effect(fence=None)).state == "applied"


def test_no_record_no_effect(database: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the journal cannot be written, the intent's row is not there either."""

    def full(*_: Any) -> str:
        raise OSError

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(OSError):
        _intent(database, journal, _effect())
    assert database.read_sync(lambda tx: operations.get(tx, NS, _effect().key)) is None
