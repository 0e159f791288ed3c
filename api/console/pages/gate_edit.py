"""Editing: form, then a look at what the edit would do, then the confirmation. Works without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Response

from api.console.failures import wants_json
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import gate_input, gate_load, gate_model
from api.console.pages.gate_diff import changes
from api.console.pages.gate_effects import effects_compared
from api.console.pages.gate_form import PREFIX, form_fields, other_errors, read_form
from workflows.arbiter.editing import preview_edit
from workflows.arbiter.model import EditPreview, PreviewEdit
from workflows.gates.model import GateError
from workflows.usecases.gate_reading import Reading

router = console_router(prefix="/gates")

Json = Any
Errors = Mapping[str, Iterable[str]]


@router.post("/{gate_id}/preview")
async def gate_preview(page: PageDep, gate_id: str) -> Response:
    """What the edit would become: fields, effects and digest, to be confirmed. Nothing is written.

    With ``part=panel`` the answer is for a script: the form with its errors, or the look, without a frame.
    """
    form = page.form
    found = await gate_load.load_alone(page, gate_id)
    sent = read_form(found.plan.output_schema, found.gate.editable, found.gate.fields, form.having(PREFIX))
    if sent.errors or "again" in form:
        return await _form(page, found, {} if "again" in form else sent.errors)
    request = PreviewEdit(
        namespace=page.namespace,
        gate_id=gate_id,
        revision=gate_input.revision_of(form),
        fields=sent.changes,
        override="override" in form,
        comment=gate_input.words_of(form),
    )
    try:
        preview = await page.services.db.read(lambda tx: preview_edit(tx, request))
    except GateError as error:
        if wants_json(page.request):
            raise
        return await refused_edit(page, gate_id, error)
    return await _look(page, found, preview)


async def refused_edit(page: Page, gate_id: str, error: GateError) -> Response:
    """The form once more, with what is wrong at its fields; or the present state when the gate has moved on."""
    found = await gate_load.load_alone(page, gate_id)
    if error.code == "invalid_edit" and found.edit_refusal is None:
        return await _form(page, found, error.detail.get("fields", {}))
    return await _form(
        page, found, {}, notice=gate_model.refused(error, found, page.actor.principal_id), status=error.status
    )


async def _form(
    page: Page, found: Reading, errors: Errors, *, notice: gate_model.Notice | None = None, status: int | None = None
) -> Response:
    """The form with everything as it was typed."""
    gate, form = found.gate, page.form
    fields = form_fields(found.plan.output_schema, gate.editable, gate.fields, sent=form.having(PREFIX), errors=errors)
    context = {
        **gate_load.context(page, gate_model.shown(found)),
        "fields": fields,
        "problems": other_errors(errors, fields),
        "rules_failed": "rules" in errors,
        "may_override": found.plan.on_invalid == "escalate" and ("rules" in errors or "override" in form),
        "override": "override" in form,
        "comment": form.get("comment", ""),
        "notice": notice,
    }
    code = status or (422 if errors else 200)
    if form.get("part") == "panel":
        answer = page.fragment("gate/edit_form.html", **context)
        answer.status_code = code
        return answer
    return await page.render("gate/edit_page.html", status=code, **context)


async def _look(page: Page, found: Reading, preview: EditPreview) -> Response:
    gate, form = found.gate, page.form
    view: dict[str, Json] = json.loads(preview.view)
    context = {
        **gate_load.context(page, gate_model.shown(found)),
        "changes": [one for one in changes(gate.fields, preview.fields) if one.changed],
        "effects": effects_compared(gate.view, view),
        "preview": preview,
        "failed_rules": view.get("failed_rules", ()),
        "title_after": view.get("title", ""),
        "shown_changes": [one for one in changes(_shown(gate.view), _shown(view)) if one.changed],
        "sent": _kept(form.having(PREFIX), gate.editable),
        "override": "override" in form,
        "comment": form.get("comment", ""),
    }
    if form.get("part") == "panel":
        return page.fragment("gate/look.html", **context)
    return await page.render("gate/look_page.html", **context)


def _kept(sent: Mapping[str, str], editable: Iterable[str]) -> dict[str, str]:
    return {name: sent[name] for name in editable if name in sent}


def _shown(view: Mapping[str, Json]) -> dict[str, Json]:
    return {str(field["label"]): field["value"] for field in view.get("show", ())}
