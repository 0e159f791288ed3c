"""Judges a run by its evidence alone: ``python -m tests.chaos.check FOLDER [--database URL]``.

Knows nothing of how the run was made. Each property is a function from the evidence to the violations it finds, so a
new property is one function and one row in ``PROPERTIES``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from tests.chaos.calls import arrived, journalled
from tests.chaos.evidence import Evidence, Row, load, seconds
from workflows.codec import data_converter
from workflows.contracts import TERMINAL
from workflows.interpreter.chunk import Chunk
from workflows.interpreter.execution import Execution
from workflows.journal.read import Entry
from workflows.runner import Runner
from workflows.settings import Settings
from workflows.usecases.keys import payload_keys

Found = Iterator[str]
YES = frozenset({"approved", "edited", "auto"})
DECIDED = frozenset({"decision.submitted", "decision.auto", "decision.expired"})


class Violation(NamedTuple):
    """``rule`` is the property's name, ``what`` names the thing that broke it."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


def starts_end(evidence: Evidence) -> Found:
    """Whatever was acknowledged exists once, and has ended as ordered: with success, or cancelled when asked to."""
    by_id = {row["id"]: row for row in evidence.executions}
    for ack in evidence.done("started_execution"):
        row = by_id.get(ack["execution"])
        if row is None:
            yield f"{ack['execution']} was acknowledged ({ack['key']}) and does not exist"
        elif row["state"] not in TERMINAL:
            yield f"{row['id']} is {row['state']}: {row['reason']}"
        elif row["state"] != "succeeded" and row["cancel_requested_at"] is None:
            yield f"{row['id']} ended {row['state']}: {row['reason']}"
    keys = Counter(row["idempotency_key"].split(":")[-1] for row in evidence.executions)
    for line in evidence.done("start"):
        if keys[line["key"]] > 1:
            yield f"{line['key']} started {keys[line['key']]} executions"


def starts_answer_alike(evidence: Evidence) -> Found:
    """A repeated start is answered with the execution of the first."""
    answers: dict[str, set[str]] = defaultdict(set)
    for ack in evidence.done("started_execution"):
        answers[ack["key"]].add(ack["execution"])
    for key, found in answers.items():
        if len(found) > 1:
            yield f"{key} was answered with {sorted(found)}"


def histories_close(evidence: Evidence) -> Found:
    """Each execution's workflow is closed in Temporal, as the database says."""
    for row in evidence.executions:
        history = evidence.histories.get(row["id"])
        if history is None:
            yield f"{row['id']} has no history"
            continue
        last = history["events"][-1]["eventType"]
        if not last.startswith("EVENT_TYPE_WORKFLOW_EXECUTION_") or last.endswith(("SIGNALED", "STARTED")):
            yield f"{row['id']} is {row['state']}, its history ends with {last}"


def one_gate_per_row(evidence: Evidence) -> Found:
    """Each element of an execution that succeeded was asked about once."""
    rows = {line["key"]: line["rows"] for line in evidence.done("start")}
    gates = Counter(gate["execution_id"] for gate in evidence.gates)
    for ack in {line["execution"]: line for line in evidence.done("started_execution")}.values():
        state = next((row["state"] for row in evidence.executions if row["id"] == ack["execution"]), None)
        wanted = len(rows[ack["key"]])
        if state == "succeeded" and gates[ack["execution"]] != wanted:
            yield f"{ack['execution']} has {gates[ack['execution']]} gates for {wanted} rows"


def one_decision(evidence: Evidence) -> Found:
    """Each gate has one decision: in the database, in the journal, and in what callers were told."""
    standing = defaultdict(list)
    for decision in evidence.decisions:
        if decision["undone_at"] is None and decision["outcome"] != "changes_requested":
            standing[decision["gate_id"]].append(decision)
    records = _by_gate(evidence)
    for gate in evidence.gates:
        made, said = standing[gate["id"]], records[gate["id"]]
        wanted = 1 if gate["state"] == "decided" else 0
        if len(made) != wanted:
            yield f"gate {gate['id']} is {gate['state']} and has {len(made)} decisions"
        written = [entry.outcome for entry in said if entry.kind in DECIDED]
        if written != [decision["outcome"] for decision in made]:
            yield f"gate {gate['id']}: the database says {[d['outcome'] for d in made]}, the journal {written}"
        effective = [entry for entry in said if entry.kind == "decision.effective"]
        cancelled = gate["execution_id"] in _cancelled(evidence)
        if len(effective) != len(made) and not (cancelled and not effective):
            yield f"gate {gate['id']} has {len(made)} decisions, {len(effective)} of them taken up"


def callers_were_told_the_truth(evidence: Evidence) -> Found:
    """A yes to a caller is the decision that stands; a refusal names who and what decided."""
    made = {row["gate_id"]: row for row in evidence.decisions if row["undone_at"] is None}
    states = {row["id"]: row["state"] for row in evidence.gates}
    for line in evidence.done("decided"):
        stands, who = made.get(line["gate"]), f"{line['by']}'s {line['action']} on gate {line['gate']}"
        if line["status"] == 200:
            if stands is None or (stands["outcome"], stands["snapshot"]["name"]) != (line["outcome"], line["by"]):
                yield f"{who} was acknowledged as {line['outcome']}, but {_outcome(stands)} stands"
        elif line["status"] != 409:
            yield f"{who} was answered {line['status']} ({line['code']})"
        elif line["code"] == "already_decided":
            named = {name: (line["context"] or {}).get(name) for name in ("outcome", "by")}
            if stands is None or named != {"outcome": stands["outcome"], "by": stands["snapshot"]["name"]}:
                yield f"{who} was refused naming {named}, but {_outcome(stands)} stands"
        elif line["code"] == "withdrawn":
            if states.get(line["gate"]) != "withdrawn":
                yield f"{who} was told that the gate is withdrawn, but it is {states.get(line['gate'])}"
        elif line["code"] != "expired" or stands is None or stands["outcome"] != "expired":
            yield f"{who} was refused with {line['code']}, but {_outcome(stands)} stands"


def effects_once(evidence: Evidence) -> Found:
    """One line for each yes, with what was decided; none for anything else; nothing else."""
    expected: dict[str, str] = {}
    titles = {gate["id"]: gate["title"].split()[-1] for gate in evidence.gates}
    for decision in evidence.decisions:
        if decision["gate_id"] not in titles:
            yield f"decision {decision['id']} is about a gate that does not exist"
        elif decision["undone_at"] is None and decision["outcome"] in YES:
            expected[titles[decision["gate_id"]]] = decision["fields"]["risk"]
    free = {
        row for gate in evidence.gates if gate["execution_id"] in _cancelled(evidence) for row in gate["title"].split()
    }
    lines = Counter(cells[0] if cells else "" for cells in evidence.sheet)
    for row, risk in expected.items():
        if lines[row] != 1 and not (row in free and lines[row] == 0):
            yield f"{row} was approved and stands {lines[row]} times in the sheet"
        elif lines[row] and [row, risk] not in evidence.sheet:
            yield f"{row} was approved as {risk}, the sheet says otherwise"
    for row in lines.keys() - expected.keys():
        yield f"{row!r} stands in the sheet without a yes"


def prompts_are_recorded(evidence: Evidence) -> Found:
    """Each request that reached the provider was journalled before, as often as it was sent."""
    calls = journalled(evidence)
    for said, arrivals in arrived(evidence).items():
        call = calls.get(said)
        if call is None:
            yield f"request {arrivals[0]['number']} reached the provider and is in no journal"
        elif len(arrivals) > len(call.requests):
            yield f"{call.name} was sent {len(arrivals)} times and journalled {len(call.requests)} times"


def answers_are_final(evidence: Evidence) -> Found:
    """After an answer was journalled, the call is neither journalled nor sent again; each call has one answer."""
    asked = arrived(evidence)
    for said, call in journalled(evidence).items():
        if len(call.answers) != 1 and call.execution not in _cancelled(evidence):
            yield f"{call.name} has {len(call.answers)} answers"
            continue
        for answer in call.answers:
            if any(request.seq > answer.seq for request in call.requests):
                yield f"{call.name} was journalled again after its answer"
            if any(arrival["at"] > seconds(answer.occurred_at) for arrival in asked[said]):
                yield f"{call.name} was sent again after its answer was recorded"


def one_extra_request_per_fault(evidence: Evidence) -> Found:
    """A call goes out once more only if something was killed or cut meanwhile, and once for each."""
    faults = _faults(evidence)
    calls = journalled(evidence)
    for said, arrivals in arrived(evidence).items():
        first, last = arrivals[0]["at"], arrivals[-1]["at"]
        meanwhile = sum(first <= over and at <= last for at, over in faults)
        if len(arrivals) - 1 > meanwhile:
            name = calls[said].name if said in calls else f"request {arrivals[0]['number']}"
            yield f"{name} was sent {len(arrivals)} times with {meanwhile} faults in between"


def chain_verifies(evidence: Evidence) -> Found:
    """The journal verifies as a whole."""
    if evidence.verdict != "VERIFIED":
        yield f"the verdict is {evidence.verdict}: {'; '.join(evidence.findings[:5])}"


def order_and_digest(evidence: Evidence) -> Found:
    """Asked, decided, taken up, permitted, intended, applied: in this order, all for the same action."""
    for gate in evidence.gates:
        said, cancelled = evidence.journal.get(gate["execution_id"], []), gate["execution_id"] in _cancelled(evidence)
        about = [entry for entry in said if entry.meta.get("gate_id") == gate["id"]]
        ops = {entry.meta["op_id"] for entry in about if entry.kind == "permit.granted"}
        applied = [e for e in said if e.kind in {"action.intent", "action.applied"} and e.meta.get("op_id") in ops]
        decision = next((entry for entry in about if entry.kind in DECIDED), None)
        if decision is None:
            continue
        asked = [e for e in about if e.kind == "approval.requested" and e.action_digest == decision.action_digest]
        later = ("decision.effective", "permit.granted", "action.intent", "action.applied")
        steps = [asked[-1:], [decision], *([e for e in about + applied if e.kind == kind] for kind in later)]
        if not asked:
            yield f"gate {gate['id']} was decided without having been asked"
        yield from _in_order(gate["id"], [step for step in steps if step], decision)
        done = sum(entry.kind == "action.applied" for entry in applied)
        if decision.outcome in YES and done != 1 and not (cancelled and done == 0):
            yield f"gate {gate['id']} was approved and {done} effects were applied"
        if decision.outcome not in YES and ops:
            yield f"gate {gate['id']} was {decision.outcome} and an effect was permitted"
    permitted = {e.meta["op_id"] for said in evidence.journal.values() for e in said if e.kind == "permit.granted"}
    for said in evidence.journal.values():
        for entry in said:
            if entry.kind == "action.applied" and entry.meta["op_id"] not in permitted:
                yield f"effect {entry.meta['op_id']} was applied without a permit"


def nothing_undelivered(evidence: Evidence) -> Found:
    """No doorbell, start or cancellation is still to be delivered."""
    for row in evidence.outbox:
        if row["kind"] != "notification" and row["delivered_at"] is None and row["dropped_at"] is None:
            yield f"{row['kind']} {row['id']} to {row['target']} (attempt {row['attempts']}: {row['last_error']})"


def errors_are_explained(evidence: Evidence) -> Found:
    """The API never answers 500: what is away has its own answer."""
    for line in evidence.done("server_error"):
        yield f"{line['path']} answered 500 to {line['by']}: {line['said'][:200]}"


PROPERTIES: tuple[Callable[[Evidence], Found], ...] = (
    starts_end, starts_answer_alike, histories_close, one_gate_per_row, one_decision, callers_were_told_the_truth,
    effects_once, prompts_are_recorded, answers_are_final, one_extra_request_per_fault, chain_verifies,
    order_and_digest, nothing_undelivered, errors_are_explained,
)  # fmt: skip


def violations(evidence: Evidence) -> list[Violation]:
    """Every violation of every property."""
    return [Violation(rule.__name__, what) for rule in PROPERTIES for what in rule(evidence)]


async def replayed(folder: Path, evidence: Evidence) -> list[Violation]:
    """Histories that do not replay on this code."""
    keys = payload_keys(Settings(home=folder / "home"))
    replayer = Replayer(
        workflows=[Execution, Chunk],
        data_converter=data_converter(keys.keys, keys.current),
        workflow_runner=Runner(),
    )
    found = []
    for id_, history in evidence.histories.items():
        try:
            await replayer.replay_workflow(WorkflowHistory.from_json(id_, history))
        except Exception as error:  # noqa: BLE001  whatever it is, this history does not replay
            found.append(Violation("histories_replay", f"{id_}: {error}"))
    return found


def _faults(evidence: Evidence) -> list[tuple[float, float]]:
    """When each fault was announced and when it was over: what is killed works on until it is gone."""
    gone = [(line["of"], line["at"]) for line in evidence.done("gone")]
    return [
        (line["at"], min((at for of, at in gone if of == line["of"] and at >= line["at"]), default=line["at"]))
        for line in evidence.done("fault")
    ]


def _by_gate(evidence: Evidence) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for said in evidence.journal.values():
        for entry in said:
            if "gate_id" in entry.meta:
                found[entry.meta["gate_id"]].append(entry)
    return found


def _cancelled(evidence: Evidence) -> set[str]:
    return {row["id"] for row in evidence.executions if row["cancel_requested_at"] is not None}


def _outcome(decision: Row | None) -> str:
    return "nothing" if decision is None else f"{decision['outcome']} by {decision['snapshot']['name']}"


def _in_order(gate: str, steps: list[list[Entry]], decision: Entry) -> Found:
    for before, after in pairwise(steps):
        if before[0].seq >= after[0].seq:
            yield f"gate {gate}: {after[0].kind} comes before {before[0].kind}"
    for entry in (entry for step in steps for entry in step):
        if entry.action_digest != decision.action_digest:
            yield f"gate {gate}: {entry.kind} is about another action than {decision.kind}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.check", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--database", help="URL of the store; by default the file in the folder")
    args = parser.parse_args()
    evidence = load(args.folder, args.database)
    found = violations(evidence) + asyncio.run(replayed(args.folder, evidence))
    counts = f"{len(evidence.executions)} executions, {len(evidence.gates)} gates, {len(evidence.asked)} model requests"
    sys.stdout.write("".join(f"{one}\n" for one in found) + f"{len(found)} violations in {counts}\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
