"""The checker is believed only because it names every kind of tampering with the evidence of a sound run."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.chaos.check import PROPERTIES, one_extra_request_per_fault, replayed, violations
from tests.chaos.evidence import load
from tests.chaos.lab import Lab
from tests.chaos.workload import Workload
from tests.support.tamper import run as tamper
from workflows.store.db import Database

pytestmark = [pytest.mark.chaos, pytest.mark.slow]

Json = Any
Tamper = Callable[[Path], None]
ROWS = 4


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of a run without any fault, in which every kind of decision was made."""
    return asyncio.run(_play(tmp_path_factory.mktemp("check") / "lab"))


async def _play(folder: Path) -> Path:
    async with Lab(folder, script=[]) as lab:
        work = Workload(lab, 1, rows=ROWS)
        await work.save()
        execution = await work.start()
        gates = await work.open_gates(execution, ROWS)
        for gate, action in zip(gates, ("approve", "edit", "reject", "approve"), strict=True):
            await work.act(work.reviewers[0], gate["id"], action)
        await work.act(work.reviewers[1], gates[0]["id"], "reject")
        await work.ended(execution)
        await work.close()
        await lab.delivered()
        await lab.keep_histories()
    return folder


def sql(statement: str) -> Tamper:
    """Run one statement behind the journal's back; it must hit something."""

    def change(folder: Path) -> None:
        with closing(Database(f"sqlite:///{folder / 'home' / 'visto.db'}")) as db:
            assert tamper(db, statement)

    return change


def second_decision(folder: Path) -> None:
    """As if the index that forbids it had failed."""
    with closing(Database(f"sqlite:///{folder / 'home' / 'visto.db'}")) as db:
        db.write_sync(lambda tx: tx.conn.execute(sa.text("drop index uq_decisions_effective")))
        names = db.read_sync(lambda tx: [row[1] for row in tx.conn.execute(sa.text("pragma table_info(decisions)"))])
        others = ", ".join(name for name in names if name != "id")
        assert tamper(db, f"insert into decisions (id, {others}) select 'twin', {others} from decisions limit 1")


def lines(name: str, change: Callable[[list[Json]], Iterator[Json]]) -> Tamper:
    """Rewrite a log of JSON lines."""

    def rewrite(folder: Path) -> None:
        path = folder / name
        before = [json.loads(line) for line in path.read_text().splitlines()]
        after = list(change(before))
        assert after != before
        path.write_text("".join(json.dumps(line) + "\n" for line in after))

    return rewrite


def asked_twice(found: list[Json]) -> Iterator[Json]:
    """The first prompt reaches the provider once more, an hour later."""
    yield from found
    again = next(line for line in found if line["event"] == "request")
    yield again | {"at": again["at"] + 3600}


def asked_unrecorded(found: list[Json]) -> Iterator[Json]:
    yield from found
    other = next(line for line in found if line["event"] == "request")
    yield other | {"body": {**other["body"], "messages": [{"role": "user", "content": "something else"}]}}


def other_winner(found: list[Json]) -> Iterator[Json]:
    """A refusal names somebody who did not decide."""
    for line in found:
        lost = line["op"] == "decided" and line["status"] == 409
        yield line | {"context": {**line["context"], "by": "Nobody"}} if lost else line


def other_outcome(found: list[Json]) -> Iterator[Json]:
    for line in found:
        yield line | {"outcome": "rejected"} if line.get("outcome") == "approved" else line


def other_execution(found: list[Json]) -> Iterator[Json]:
    for line in found:
        yield line | {"execution": "lost"} if line["op"] == "started_execution" else line


def second_answer(found: list[Json]) -> Iterator[Json]:
    yield from found
    yield next(line for line in found if line["op"] == "started_execution") | {"execution": "another"}


def answered_500(found: list[Json]) -> Iterator[Json]:
    yield from found
    yield {"at": 0, "op": "server_error", "by": "Reviewer 0", "path": "/gates", "said": "boom"}


def sheet(change: Callable[[list[str]], list[str]]) -> Tamper:
    """Rewrite the lines below the sheet's header."""

    def rewrite(folder: Path) -> None:
        path = folder / "home" / "files" / "default" / "sheet.csv"
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([header, *change(rows), ""]))

    return rewrite


def unfinished_history(folder: Path) -> None:
    for path in (folder / "histories").iterdir():
        history = json.loads(path.read_text())
        path.write_text(json.dumps({**history, "events": history["events"][:-1]}))


def lost_history(folder: Path) -> None:
    shutil.rmtree(folder / "histories")


EFFECTIVE = "where kind = 'decision.effective' and outcome = 'approved'"
TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "a start that was acknowledged is lost": (lines("ops.jsonl", other_execution), "starts_end"),
    "an execution never ended": (sql("update executions set state = 'running'"), "starts_end"),
    "an execution failed": (sql("update executions set state = 'failed'"), "starts_end"),
    "a repeated start got another answer": (lines("ops.jsonl", second_answer), "starts_answer_alike"),
    "a workflow is not closed": (unfinished_history, "histories_close"),
    "a history is gone": (lost_history, "histories_close"),
    "a gate is gone": (
        sql("delete from gates where id = (select gate_id from decisions where outcome = 'rejected')"),
        "one_gate_per_row",
    ),
    "a gate has two decisions": (second_decision, "one_decision"),
    "a decision is gone": (sql("delete from decisions where outcome = 'rejected'"), "one_decision"),
    "a decision was turned round": (
        sql("update decisions set outcome = 'rejected' where outcome = 'edited'"),
        "one_decision",
    ),
    "a decision was never taken up": (sql(f"delete from audit_event {EFFECTIVE}"), "one_decision"),
    "a caller was told another outcome": (lines("ops.jsonl", other_outcome), "callers_were_told_the_truth"),
    "a loser was told another winner": (lines("ops.jsonl", other_winner), "callers_were_told_the_truth"),
    "a line stands twice": (sheet(lambda rows: [*rows, rows[0]]), "effects_once"),
    "a line is missing": (sheet(lambda rows: rows[1:]), "effects_once"),
    "a line without a yes": (sheet(lambda rows: [*rows, "E999-00,low"]), "effects_once"),
    "a line says something else": (
        sheet(lambda rows: [row.replace(",high", ",medium") for row in rows]),
        "effects_once",
    ),
    "a prompt in no journal": (lines("provider.jsonl", asked_unrecorded), "prompts_are_recorded"),
    "a prompt sent again after its answer": (lines("provider.jsonl", asked_twice), "answers_are_final"),
    "a prompt sent again without a fault": (lines("provider.jsonl", asked_twice), "one_extra_request_per_fault"),
    "an answer is missing": (
        sql("delete from audit_event where event_id = (select min(event_id) from audit_event"
            " where kind = 'llm.response')"),
        "answers_are_final",
    ),
    "a record was altered": (sql(f"update audit_event set outcome = 'edited' {EFFECTIVE}"), "chain_verifies"),
    "a record names another action": (
        sql(f"update audit_event set action_digest = 'f' {EFFECTIVE}"),
        "order_and_digest",
    ),
    "an effect was not permitted": (sql("delete from audit_event where kind = 'permit.granted'"), "order_and_digest"),
    "an effect's outcome is missing": (
        sql("delete from audit_event where kind = 'action.applied'"),
        "order_and_digest",
    ),
    "an effect comes before its decision": (
        sql("update audit_event set seq = -seq where kind = 'action.intent'"),
        "order_and_digest",
    ),
    "a doorbell was never delivered": (
        sql("update outbox set delivered_at = null where kind = 'doorbell'"),
        "nothing_undelivered",
    ),
    "the API answered 500": (lines("ops.jsonl", answered_500), "errors_are_explained"),
}  # fmt: skip


def test_a_sound_run_has_no_violation_and_every_property_was_looked_at(sound: Path) -> None:
    evidence = load(sound)
    assert violations(evidence) + asyncio.run(replayed(sound, evidence)) == []
    assert (len(evidence.gates), len(evidence.sheet), len(evidence.asked)) == (ROWS, ROWS - 1, 2 * ROWS)
    assert {rule for _, rule in TAMPERINGS.values()} == {rule.__name__ for rule in PROPERTIES}


def test_each_tampering_is_named(sound: Path, tmp_path: Path) -> None:
    """One after another on a copy of the sound evidence: a doubled line, a second decision, a lost answer ..."""
    missed = []
    for number, (what, (change, rule)) in enumerate(TAMPERINGS.items()):
        folder = tmp_path / str(number)
        shutil.copytree(sound, folder, ignore=shutil.ignore_patterns("temporal.db*", "chroma", "logs"))
        change(folder)
        named = {found.rule for found in violations(load(folder))}
        if rule not in named:
            missed.append(f"{what}: not {rule}, but {sorted(named)}")
    assert not missed, "\n".join(missed)


def test_a_fault_lasts_until_the_killed_part_is_gone(sound: Path) -> None:
    """A request may leave between the announcement of a kill and the kill: what follows is that fault's."""
    evidence = load(sound)
    first = evidence.asked[0]

    def found(gone_after: float) -> list[str]:
        at = first["at"]
        kill = [{"op": "fault", "of": "worker", "at": at - 0.2}, {"op": "gone", "of": "worker", "at": at + gone_after}]
        twice = [*evidence.asked, first | {"at": at + 6}]
        return list(one_extra_request_per_fault(replace(evidence, asked=twice, ops=[*evidence.ops, *kill])))

    assert found(gone_after=0.1) == []
    assert len(found(gone_after=-0.1)) == 1


def test_a_history_of_other_code_is_named(sound: Path, tmp_path: Path) -> None:
    """A history whose first activity has another name does not replay."""
    folder = tmp_path / "lab"
    shutil.copytree(sound, folder, ignore=shutil.ignore_patterns("temporal.db*", "chroma", "logs"))
    for path in (folder / "histories").iterdir():
        path.write_text(path.read_text().replace('"agent.run"', '"agent.walk"'))
    found = asyncio.run(replayed(folder, load(folder)))
    assert [violation.rule for violation in found] == ["histories_replay"]
