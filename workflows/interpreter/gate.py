"""A gate as the workflow sees it: suggest, validate, enrich, open, wait, and the effects of a yes.

What people decide is not here: the store's arbiter decides, the workflow opens gates and reads outcomes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from workflows.contracts import (
    GATE_LOAD,
    GATE_OPEN,
    GATE_WITHDRAW,
    GateLoadIn,
    GateOpenIn,
    GateStatus,
    GateWithdrawIn,
    Json,
    Nothing,
    Outcome,
    PermitClaim,
    Reason,
)
from workflows.flow import expr
from workflows.flow.planned import GatePlan, TaskPlan
from workflows.gates.digest import action_digest, canonical_view, policy_version
from workflows.gates.ids import gate_id
from workflows.gates.model import Evidence, FailedRule
from workflows.gates.policy import auto_verdict
from workflows.gates.rules import failed_rules
from workflows.gates.view import build_view, resolved_effects, suggestion_scope
from workflows.interpreter import single
from workflows.interpreter.endings import StepFailed
from workflows.interpreter.frame import Frame
from workflows.interpreter.run import memo_key
from workflows.interpreter.scope import gate_scope
from workflows.interpreter.steps import local_or_fail


@dataclass(slots=True)
class Suggestion:
    """A suggestion under way: its fields, its meta, what rules say of it, and what was objected to before."""

    fields: dict[str, Json] = field(default_factory=dict)
    meta: dict[str, Json] = field(default_factory=dict)
    failed: list[FailedRule] = field(default_factory=list)
    objections: list[dict[str, Json]] = field(default_factory=list)
    number: int = 0


async def run_gate(frame: Frame, task: TaskPlan) -> Outcome:
    """Run a gate to its outcome. A rejection is an outcome, not a failure."""
    plan = task.gate
    assert plan is not None
    place = Gate(frame, task, plan)
    suggestion = Suggestion()
    changes = 0
    while True:
        await place.suggest(suggestion)
        if suggestion.failed and plan.on_invalid == "fail":
            raise StepFailed(place.reason("invalid_suggestion", _rules_text(suggestion.failed)))
        status = await place.decide(suggestion, changes)
        if status.outcome != "changes_requested":
            return await place.conclude(status, suggestion)
        changes = status.round
        suggestion.objections.append(_objection("person", [status.comment or ""], suggestion.fields))
        suggestion.number += 1


class Gate:
    """One gate in one place of one run."""

    def __init__(self, frame: Frame, task: TaskPlan, plan: GatePlan) -> None:
        self.frame, self.task, self.plan = frame, task, plan
        self.inner = frame.inside(task.id)
        self.path = frame.path_of(task.id)
        self.key = frame.key_of(task.id)
        self.id = gate_id(frame.run.given.execution_id, self.path, frame.item_key)

    def reason(self, code: str, message: str) -> Reason:
        return Reason(code=code, message=message, task=self.key)

    # Suggest and validate ----------------------------------------------------

    async def suggest(self, suggestion: Suggestion) -> None:
        """Make a suggestion; while rules fail and revisions are left, the model hears why and answers again."""
        revisions = self.plan.revise if self._can_revise() else 0
        while True:
            output = await self._suggested(suggestion)
            suggestion.meta = dict(output.get("meta") or {})
            suggestion.fields = {key: value for key, value in output.items() if key != "meta"}
            suggestion.failed = failed_rules(self.plan, self.frame.scope(), suggestion.fields, suggestion.meta)
            if not suggestion.failed or revisions == 0:
                return
            revisions -= 1
            messages = [failure.message for failure in suggestion.failed]
            suggestion.objections.append(_objection("rule", messages, suggestion.fields))
            suggestion.number += 1

    def _can_revise(self) -> bool:
        return self.plan.suggest is not None and self.plan.suggest.kind == "agent"

    async def _suggested(self, suggestion: Suggestion) -> dict[str, Json]:
        key = memo_key(f"{self.path}/suggest#{suggestion.number}", self.frame.item_key)
        known = self.frame.run.recall(key)
        if known is None:
            output = await self._make(suggestion)
            if not isinstance(output, dict):
                message = "A suggestion must be a mapping of fields; this task returned something else."
                raise StepFailed(self.reason("invalid_suggestion", message))
            known = self.frame.run.remember(key, Outcome(state="succeeded", output=output))
        return dict(known.output)

    async def _make(self, suggestion: Suggestion) -> Json:
        task = self.plan.suggest
        if task is None:
            return single.checked(self.frame, self.task, lambda: expr.render(self.plan.suggestion, self.frame.scope()))
        if task.kind != "agent":
            return await single.run_step(self.inner, task)
        properties = single.rendered(self.inner, task)
        return await single.ask_agent(self.inner, task, properties, suggestion.objections, suggestion.number)

    # Enrich ------------------------------------------------------------------

    async def _evidence(self, suggestion: Suggestion) -> list[Evidence]:
        """What reviewers should know besides. What cannot be found is shown as missing and blocks nothing."""
        names = {"suggestion": {**suggestion.fields, "meta": suggestion.meta}}
        frame = self.inner.with_names(names)
        found: list[Evidence] = []
        for task in self.plan.enrich:
            key = memo_key(f"{self.path}/{task.id}#{suggestion.number}", self.frame.item_key)
            known = self.frame.run.recall(key)
            if known is None:
                known = self.frame.run.remember(key, await _enriched(frame, task))
            found.append(_as_evidence(task, known))
            frame.outputs[task.id] = known.output
        return found

    # Open and wait -----------------------------------------------------------

    async def decide(self, suggestion: Suggestion, changes: int) -> GateStatus:
        """Open the gate (or find it open or decided) and wait, holding nothing, for an outcome."""
        evidence = await self._evidence(suggestion)
        opening = single.checked(self.frame, self.task, lambda: self._opening(suggestion, evidence, changes))
        parked = self.frame.run.parked
        opening = opening.model_copy(update={"parked": parked})
        if parked:
            self.frame.run.tell_idle()
        status = await local_or_fail(GATE_OPEN, opening, GateStatus, self.key)
        if status.outcome is not None:
            return status
        async with self.frame.waiting(for_people=True):
            while status.outcome is None:
                status = await self._looked(status.next_due_ms)
        return status

    async def _looked(self, next_due_ms: int | None) -> GateStatus:
        """Look at the store when rung or when a deadline of the gate's own came."""
        try:
            due = await self.frame.run.wait_for(self.id, next_due_ms)
        except asyncio.CancelledError:
            given = GateWithdrawIn(where=self.frame.where(self.task.id), gate_id=self.id, reason="task_ended")
            await local_or_fail(GATE_WITHDRAW, given, Nothing, self.key)
            raise
        asked = GateLoadIn(where=self.frame.where(self.task.id), gate_id=self.id, due=due)
        return await local_or_fail(GATE_LOAD, asked, GateStatus, self.key)

    def _opening(self, suggestion: Suggestion, evidence: list[Evidence], changes: int) -> GateOpenIn:
        plan, given = self.plan, self.frame.run.given
        view = build_view(
            plan,
            self.frame.scope(),
            execution_id=given.execution_id,
            path=self.path,
            item_key=self.frame.item_key,
            suggestion=suggestion.fields,
            meta=suggestion.meta,
            evidence=evidence,
            failed_rules=suggestion.failed,
            policy_version=policy_version(plan.approve.model_dump(mode="json")),
        )
        text = canonical_view(view)
        verdict = auto_verdict(plan.approve, self.frame.scope(), suggestion.fields, suggestion.meta, suggestion.failed)
        return GateOpenIn(
            where=self.frame.where(self.task.id),
            gate_id=self.id,
            workflow_id=self.frame.run.workflow_id,
            item_index=self.frame.names.get("index"),
            gate=plan,
            scope=gate_scope(plan, self.frame.scope()),
            view=text,
            action_digest=action_digest(text),
            fields=suggestion.fields,
            meta=suggestion.meta,
            requester_id=given.requester_id,
            author_id=given.author_id,
            auto=verdict.auto,
            rejected_by_rules=bool(suggestion.failed) and plan.on_invalid == "reject",
            round=changes,
        )

    # Conclude ----------------------------------------------------------------

    async def conclude(self, status: GateStatus, suggestion: Suggestion) -> Outcome:
        """Run the effects of a yes; turn a no into what ``on_reject`` says."""
        if not self.frame.item_key:
            self.frame.run.decision = status.meta
        if status.permits:
            final = dict(status.fields or {})
            await self._effects(status, final, suggestion.meta)
            return Outcome(state="succeeded", output={**final, "meta": status.meta})
        reason = Reason(
            code=status.outcome or "rejected",
            message=_rejection(status),
            task=self.key,
            actor=status.meta.get("by_name") or status.meta.get("by"),
        )
        if self.plan.on_reject == "fail" or (status.outcome == "expired" and status.expire_then == "fail"):
            raise StepFailed(reason)
        state: Any = "succeeded" if self.plan.on_reject == "continue" else "rejected"
        return Outcome(state=state, output={"meta": status.meta}, reason=reason)

    async def _effects(self, status: GateStatus, final: dict[str, Json], meta: dict[str, Json]) -> None:
        names = suggestion_scope(self.frame.scope(), final, meta)
        effects = single.checked(self.frame, self.task, lambda: resolved_effects(self.plan, names, self.path, final))
        wanted = {effect.path: effect.properties for effect in effects}
        for task in self.plan.on_approve:
            path = self.inner.path_of(task.id)
            key = memo_key(path, self.frame.item_key)
            if path not in wanted or self.frame.run.recall(key) is not None:
                continue
            permit = PermitClaim(gate_id=self.id, action_digest=status.action_digest, effect_path=path)
            try:
                output = await single.call(self.inner, task, wanted[path], permit=permit, revision=status.revision)
            except StepFailed:
                if not task.allow_failure:
                    raise
                continue
            self.frame.run.remember(key, Outcome(state="succeeded", output=output))


async def _enriched(frame: Frame, task: TaskPlan) -> Outcome:
    try:
        if task.when is not None and not single.checked(
            frame, task, lambda: expr.condition(task.when or "", frame.scope())
        ):
            return Outcome(state="skipped")
        return Outcome(state="succeeded", output=await single.run_step(frame, task))
    except StepFailed as failure:
        return Outcome(state="failed", reason=failure.reason)


def _as_evidence(task: TaskPlan, outcome: Outcome) -> Evidence:
    if outcome.state == "succeeded":
        return Evidence(id=task.id, type=task.type, state="found", value=outcome.output)
    reason = outcome.reason.message if outcome.reason else "Not needed here."
    return Evidence(id=task.id, type=task.type, state="missing", reason=reason)


def _objection(source: str, messages: list[str], previous: dict[str, Json]) -> dict[str, Json]:
    return {"source": source, "messages": messages, "previous": previous}


def _rules_text(failed: list[FailedRule]) -> str:
    return "The suggestion breaks a rule: " + "; ".join(failure.message for failure in failed)


def _rejection(status: GateStatus) -> str:
    who = status.meta.get("by_name") or status.meta.get("by")
    why = status.meta.get("reason")
    words = {
        "rejected": f"Rejected by {who}" if who else "Rejected",
        "expired": "Nobody decided in time",
        "withdrawn": "Withdrawn before anybody decided",
    }
    text = words.get(status.outcome or "", "Not approved")
    return f"{text}: {why}." if why else f"{text}."
