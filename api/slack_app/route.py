"""``POST /slack/events``: where Slack sends clicks and forms. Its own authentication is Slack's signature."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.errors import ApiError
from api.guard import GuardedRoute
from api.slack_app.hosting import SlackHost
from api.slack_app.signature import authentic
from connectors.slack.manifest import PATH
from workflows.store.db import Tx
from workflows.store.repositories import once
from workflows.usecases.recording import record
from workflows.usecases.services import Services

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)


@router.post(PATH)
async def slack_events(request: Request) -> Response:
    """200 for what Slack signed, whatever it is; 401 for everything else; 404 where Slack is not set up."""
    host: SlackHost = request.app.state.slack
    services: Services = request.app.state.services
    if host.secret is None:
        raise ApiError(404, "not_found", "Slack is not set up here.", "Run `visto slack setup`.")
    body = await request.body()
    if not authentic(request.headers.raw, body, host.secret, services.db.clock().timestamp()):
        await services.db.write(lambda tx: _note(tx, services))
        raise ApiError(401, "not_authentic", "This is not signed by Slack.", "Check the app's signing secret.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Response()  # signed, and nothing that Slack sends
    answer = await host.app().answer(text, dict(request.headers))
    return Response(answer.body, answer.status, dict(answer.first_headers_without_set_cookie()))


def _note(tx: Tx, services: Services) -> None:
    """Journal a refused request, once a minute: strangers must not fill the journal."""
    namespace = services.settings.namespace
    if once.first_time(tx, namespace, "slack.rejected", tx.now.strftime("%Y-%m-%dT%H:%M")):
        record(tx, services.journal, namespace, "auth.failed", None, meta={"channel": "slack", "why": "signature"})
