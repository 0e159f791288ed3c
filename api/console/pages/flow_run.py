"""Running a flow by hand: a form made from its inputs, started once however often it is sent."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence

from fastapi import Response
from markupsafe import escape

from api.console.failures import wants_json
from api.console.guard import console_router
from api.console.page import Page, PageDep
from api.console.pages import flow_page, flow_run_form
from api.console.pages.flow_page import Opened
from api.errors import Problem, problem_of
from workflows.flow.planned import InputPlan
from workflows.store.repositories import executions
from workflows.usecases import start, uploads
from workflows.usecases.refusals import Refused, invalid_inputs

router = console_router(prefix="/flows")

MAX_REFERENCE = 200
_KEY = re.compile(r"[0-9a-f-]{32,36}")


@router.get("/{flow_id}/run")
async def flow_run_page(flow_id: str, page: PageDep) -> Response:
    """The form; ``?from=`` an execution fills in what that one was given."""
    opened = await flow_page.open_flow(page, flow_id)
    earlier = page.request.query_params.get("from", "")
    values = await _values_of(page, opened, earlier) if earlier else None
    return await _form(page, opened, values=values or {}, earlier=earlier, missing=bool(earlier and values is None))


@router.post("/{flow_id}/run")
async def run_flow(flow_id: str, page: PageDep) -> Response:
    """Start it, and go where one sees it run."""
    opened = await flow_page.open_flow(page, flow_id)
    sent, key = page.form, page.form.get("key", "")
    values = sent.having("in.")
    try:
        values |= await _kept_files(page, flow_page.plan(page, opened).inputs)
        given, unread = flow_run_form.read(flow_page.plan(page, opened).inputs, values)
        if unread:
            raise invalid_inputs(unread)
        started = await start.start(
            page.services,
            start.Start(
                namespace=page.namespace,
                flow_id=flow_id,
                actor=page.actor,
                via="console",
                inputs=given,
                reference=(sent.text("reference") or "")[:MAX_REFERENCE] or None,
                idempotency_key=f"{page.actor.principal_id}:{key}" if _KEY.fullmatch(key) else None,
            ),
        )
    except Refused as error:
        if wants_json(page.request) or error.status == 404:  # noqa: PLR2004
            raise
        again = error.code == "idempotency_key_reused"
        return await _form(
            page, opened, values=values, errors=error.fields, problem=problem_of(error), key="" if again else key
        )
    execution = started.result.execution
    words = "Started." if started.created else "This was started already; here it is."
    return page.done(words, to=f"/executions/{execution}", execution=execution)


async def _kept_files(page: Page, inputs: Sequence[InputPlan]) -> dict[str, str]:
    """Paths of files whose content was handed in with the form."""
    return {
        name: await uploads.keep(page.services, page.namespace, file, content.encode())
        for name, (file, content) in _handed_in(page, inputs).items()
    }


def _handed_in(page: Page, inputs: Sequence[InputPlan]) -> dict[str, tuple[str, str]]:
    """Name and content of each file whose content stands in the form."""
    sent = page.form
    return {
        one.id: (sent.get(f"name.{one.id}", "").strip() or f"{one.id}.csv", content)
        for one in inputs
        if one.type == "file" and (content := sent.get(f"content.{one.id}", ""))
    }


async def _values_of(page: Page, opened: Opened, execution_id: str) -> dict[str, str] | None:
    found = await page.services.db.read(lambda tx: executions.get(tx, page.namespace, execution_id))
    if found is None or found.flow_id != opened.id:
        return None
    inputs = flow_page.plan(page, opened).inputs
    return {one.id: flow_run_form.written(one, found.inputs[one.id]) for one in inputs if one.id in found.inputs}


async def _form(
    page: Page,
    opened: Opened,
    *,
    values: Mapping[str, str],
    errors: Mapping[str, Sequence[str]] | None = None,
    problem: Problem | None = None,
    key: str = "",
    earlier: str = "",
    missing: bool = False,
) -> Response:
    inputs = flow_page.plan(page, opened).inputs
    files = any(one.type == "file" for one in inputs)
    handed_in = _handed_in(page, inputs) if problem and problem.code == "invalid_file" else {}
    return await flow_page.render(
        page,
        opened,
        "run",
        "flows/run.html",
        status=problem.status if problem else 200,
        fields=flow_run_form.fields(inputs, values, errors or {}, handed_in),
        unplaced=flow_run_form.unplaced(inputs, errors or {}),
        problem=problem,
        key=key if _KEY.fullmatch(key) else uuid.uuid4().hex,
        reference=escape(page.form.get("reference", "") if page.request.method == "POST" else ""),
        earlier=earlier,
        missing=missing,
        files=await uploads.listed(page.services, page.namespace) if files else (),
    )
