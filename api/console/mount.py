"""Puts the console into the application: its pages, its files, its feed, and pages for what goes wrong."""

from __future__ import annotations

import contextlib

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from api.console import assets, failures
from api.console.guard import HEADERS
from api.console.live import Feed
from api.console.oidc import provider
from api.console.pages import (
    account,
    brakes,
    connections,
    design,
    execution,
    execution_journal,
    execution_times,
    executions,
    flow_activity,
    flow_graph,
    flow_new,
    flow_revisions,
    flow_run,
    flow_source,
    flow_triggers,
    flows,
    gate,
    gate_actions,
    gate_edit,
    groups,
    home,
    inbox,
    inbox_deciding,
    journal,
    journal_care,
    keys,
    knowledge,
    mail_link,
    people,
    sign_in,
    sign_in_links,
    sign_in_oidc,
)
from api.console.sealed import Sealer
from api.console.session import Sessions
from api.errors import problem_response
from api.remembered import Remembered
from workflows.store.db import StoreUnavailable
from workflows.usecases.keys import session_key
from workflows.usecases.services import Services

ROUTERS: tuple[APIRouter, ...] = (
    assets.router,
    home.router,
    inbox.router,
    inbox_deciding.router,
    design.router,
    sign_in.router,
    sign_in_links.router,
    sign_in_oidc.router,
    account.router,
    mail_link.router,
    executions.router,
    execution.router,
    execution_times.router,
    execution_journal.router,
    gate.router,
    gate_actions.router,
    gate_edit.router,
    flows.router,
    flow_triggers.router,
    flow_run.router,
    flow_revisions.router,
    flow_activity.router,
    flow_source.router,
    flow_new.router,
    flow_graph.router,
    knowledge.router,
    journal.router,
    journal_care.router,
    groups.router,
    people.router,
    connections.router,
    keys.router,
    brakes.router,
)


def prepare(app: FastAPI, services: Services) -> None:
    """What console routes find in ``app.state``, and a page for addresses that are none."""
    app.state.sessions = Sessions(services)
    app.state.oidc = provider(services.settings)
    app.state.oidc_sealer = Sealer(session_key(services.settings), "oidc")
    app.state.feed = Feed(services)
    app.state.console_facts = Remembered(services.db.clock)
    app.state.inbox_counts = Remembered(services.db.clock)
    app.add_exception_handler(HTTPException, _not_found)


async def _not_found(request: Request, error: Exception) -> Response:
    """A browser gets a page, a program the problem document."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return problem_response(error)
    with contextlib.suppress(StoreUnavailable):
        request.state.session = await request.app.state.sessions.recognise(request)
    response = await failures.respond(request, error)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
