"""Webhooks: where messages from outside arrive. They authenticate as their trigger says, not with an API key."""

from __future__ import annotations

from fastapi import Request

from api.deps import ServicesDep
from api.errors import ApiError
from api.guard import guarded_router
from api.strict_json import NotJson, parse
from workflows.triggers.webhook import Message
from workflows.usecases import hooks
from workflows.usecases.hooks import Arrival
from workflows.usecases.results import ExecutionResult

router = guarded_router(prefix="/hooks", tags=["hooks"])


@router.post("/{namespace}/{flow_id}/{trigger_id}", status_code=202)
async def receive_webhook(
    namespace: str, flow_id: str, trigger_id: str, request: Request, services: ServicesDep
) -> ExecutionResult:
    """Start the flow that this message is for. The same message again answers with the same execution."""
    message = Message(
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.body(),
        query=request.url.query,
    )
    arrival = Arrival(namespace=namespace, flow_id=flow_id, trigger_id=trigger_id, message=message)
    trigger, message_id = await hooks.verify(services, arrival)
    return await hooks.receive(services, arrival, trigger, message_id, _body(message))


def _body(message: Message) -> object:
    """JSON where the sender says so, else text."""
    kind = message.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json" or kind.endswith("+json"):
            return parse(message.body)
        return message.body.decode()
    except NotJson as error:
        raise ApiError(400, "bad_body", f"The body is not acceptable JSON: {error}.", "Correct the body.") from error
    except UnicodeDecodeError as error:
        raise ApiError(400, "bad_body", "The body is not UTF-8.", "Send JSON or UTF-8 text.") from error
