"""What an edit makes of a gate: typed, checked and rendered again, so that a person confirms what will run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflows.arbiter.current import Current, read
from workflows.arbiter.handling import still_open
from workflows.arbiter.model import EditPreview, PreviewEdit
from workflows.flow.expr import ExpressionError
from workflows.flow.schema_values import schema_errors
from workflows.gates.digest import NotCanonical, action_digest, canonical_view
from workflows.gates.model import FailedRule
from workflows.gates.refusals import invalid_edit, stale_revision
from workflows.gates.rules import failed_rules
from workflows.gates.view import build_view
from workflows.store.db import Tx
from workflows.store.repositories import gates, votes
from workflows.store.repositories.gates import GateRevision


@dataclass(frozen=True, slots=True)
class Edit:
    """The revision that an edit would make."""

    fields: dict[str, Any]
    view: str
    action_digest: str
    title: str


def preview_edit(tx: Tx, request: PreviewEdit) -> EditPreview:
    """The view as it would be after the edit, with its effects; nothing is written.

    Raises ``gate_not_found``, ``already_decided``, ``withdrawn``, ``stale_revision``, ``invalid_edit``.
    """
    current = read(tx, request.namespace, request.gate_id, lock=False)
    closed = still_open(current)
    if closed is not None:
        raise closed
    if request.revision != current.revision.revision:
        raise stale_revision(request.revision, current.revision.revision)
    edit = edited(current, request.fields, override=request.override, comment=request.comment)
    return EditPreview(
        gate_id=current.gate.id,
        revision=current.revision.revision + 1,
        fields=edit.fields,
        view=edit.view,
        action_digest=edit.action_digest,
    )


def edited(current: Current, changes: dict[str, Any], *, override: bool, comment: str | None) -> Edit:
    """Apply ``changes`` to the open revision. Raises ``invalid_edit`` with messages per field."""
    fields = _patched(current, changes)
    if fields == current.revision.fields:
        raise invalid_edit({"fields": ["nothing was changed; approve instead"]})
    _only_editable(current, changes)
    meta = current.view.meta
    _typed(current, fields)
    failures = failed_rules(current.plan, current.gate.scope, fields, meta)
    _acceptable(current, failures, override=override, comment=comment)
    try:
        view = build_view(
            current.plan,
            current.gate.scope,
            execution_id=current.gate.execution_id,
            path=current.gate.path,
            item_key=current.gate.item_key,
            suggestion=fields,
            meta=meta,
            evidence=current.view.evidence,
            failed_rules=failures,
            policy_version=current.view.policy_version,
        )
    except (ExpressionError, NotCanonical) as error:
        raise invalid_edit(
            {"effects": [f"with these values it cannot be worked out what would run: {error}"]}
        ) from error
    text = canonical_view(view)
    return Edit(fields=fields, view=text, action_digest=action_digest(text), title=view.title)


def add_edit(tx: Tx, current: Current, edit: Edit, editor_id: str) -> Current:
    """Make the edit the newest revision: every vote on older content is void, and the stages start again."""
    number = current.revision.revision + 1
    votes.void(tx, current.namespace, current.gate.id, f"superseded by revision {number}")
    gates.add_revision(
        tx,
        current.namespace,
        GateRevision(
            gate_id=current.gate.id,
            revision=number,
            kind="edit",
            view=edit.view,
            action_digest=edit.action_digest,
            fields=edit.fields,
            meta=current.revision.meta,
            made_by=editor_id,
            created_at=tx.now,
        ),
    )
    gates.update(tx, current.namespace, current.gate.id, revision=number, stage=0, title=edit.title)
    return read(tx, current.namespace, current.gate.id)


def _patched(current: Current, changes: dict[str, Any]) -> dict[str, Any]:
    """``null`` takes an optional field away, as in a JSON merge patch (RFC 7396): an answer has a field or not."""
    required = current.plan.output_schema.get("required", ())
    fields = {**current.revision.fields, **changes}
    gone = {name for name, value in changes.items() if value is None and name not in required}
    return {name: value for name, value in fields.items() if name not in gone}


def _only_editable(current: Current, changes: dict[str, Any]) -> None:
    allowed = current.policy.editable
    listed = ", ".join(allowed) or "nothing"
    wrong = {name: [f"may not be edited here (editable: {listed})"] for name in changes if name not in allowed}
    if wrong:
        raise invalid_edit(wrong)


def _acceptable(current: Current, failures: list[FailedRule], *, override: bool, comment: str | None) -> None:
    """Failed rules stop an edit unless it is overridden with a reason."""
    if not failures:
        return
    if not override:
        raise invalid_edit({"rules": [failure.message for failure in failures]})
    if current.plan.on_invalid != "escalate":
        raise invalid_edit({"rules": ["this flow does not allow overriding its rules"]})
    if not (comment and comment.strip()):
        raise invalid_edit({"comment": ["say why the rules should not hold here"]})


def _typed(current: Current, fields: dict[str, Any]) -> None:
    """The schema is never overridden: later steps rely on it."""
    found: dict[str, list[str]] = {}
    for error in schema_errors(current.plan.output_schema, fields):
        found.setdefault(error.path or "fields", []).append(error.message)
    if found:
        raise invalid_edit(found)
