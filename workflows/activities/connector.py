"""``connector.call``: reads are recorded and repeated from the record; effects pass preflight and are journalled first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel
from temporalio import activity

from agents.contracts import Operation
from connectors.base import Call, Connection, Connector, ConnectorError
from connectors.registry import CONNECTORS
from workflows.activities.deps import Deps, beat, digest, fence, place
from workflows.activities.secrets import resolved
from workflows.arbiter.model import Preflight
from workflows.arbiter.preflight import preflight
from workflows.contracts import CONNECTOR_CALL, StepOut, TaskIn
from workflows.journal import effects
from workflows.journal.effects import Effect, IntentState
from workflows.store.db import Tx

Json = Any


class ConnectorActivities:
    """The one activity behind every connector."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @activity.defn(name=CONNECTOR_CALL)
    async def call(self, given: TaskIn) -> StepOut:
        """Run the connector once, whatever happens to workers meanwhile."""
        connector = _connector(given.type)
        if given.effect == "write":
            return StepOut(output=await self._effect(given, connector))
        return StepOut(output=await self._read(given, connector))

    async def _read(self, given: TaskIn, connector: Connector[Any, Any]) -> Json:
        return await read(self._deps, given, connector)

    async def _effect(self, given: TaskIn, connector: Connector[Any, Any]) -> Json:
        effect = _effect(given)
        intent = await self._deps.db.write(lambda tx: self._leave(tx, given, effect, connector.idempotent))
        if intent.state == "applied":
            return intent.answer
        if intent.state == "unknown":
            raise ConnectorError(
                f"`{given.where.path}` may have been done before its worker died, and {given.type} cannot tell.",
                code="unknown_outcome",
                permanent=True,
                remedy="Look there whether it happened; restart the execution only if it did not.",
            )
        return await self._act(given, connector, replace(effect, fence=intent.fence))

    def _leave(self, tx: Tx, given: TaskIn, effect: Effect, idempotent: bool) -> IntentState:
        claim = given.permit
        preflight(
            tx,
            self._deps.journal,
            Preflight(
                namespace=given.where.namespace,
                execution_id=given.where.execution_id,
                flow_id=given.where.flow_id,
                op_id=given.op_id,
                type=given.type,
                properties=given.properties,
                gate_id=claim.gate_id if claim else None,
                action_digest=claim.action_digest if claim else None,
                effect_path=claim.effect_path if claim else None,
            ),
        )
        return effects.intent(tx, self._deps.journal, effect, idempotent=idempotent)

    async def _act(self, given: TaskIn, connector: Connector[Any, Any], effect: Effect) -> Json:
        journal = self._deps.journal
        try:
            answer = await run(self._deps, given, connector)
        except ConnectorError as error:
            if error.outcome_known:
                words, code = str(error), error.code
                await self._deps.db.write(lambda tx: effects.failed(tx, journal, effect, error=words, code=code))
            raise
        await self._deps.db.write(lambda tx: effects.applied(tx, journal, effect, answer))
        return answer


async def read(deps: Deps, given: TaskIn, connector: Connector[Any, Any]) -> Json:
    """Run a read connector, or return what it answered before in this execution."""
    operation = Operation(
        key=f"{given.op_id}:read",
        op_id=given.op_id,
        kind="tool",
        request_hash=digest([given.type, given.properties]),
        request={"type": given.type, "properties": given.properties},
        meta={"type": given.type},
    )
    recorder = deps.recorder(given.where)
    known = await recorder.begin(operation)
    if known is not None:
        return known
    try:
        answer = await run(deps, given, connector)
    except ConnectorError as error:
        await recorder.fail(operation, str(error), error.code)
        raise
    await recorder.finish(operation, answer)
    return answer


async def run(deps: Deps, given: TaskIn, connector: Connector[Any, Any]) -> Json:
    """Resolve connection and secrets, and make the call. Returns the output as JSON."""
    namespace = given.where.namespace
    properties = connector.properties.model_validate(resolved(given.properties, deps.secrets, namespace))
    call = Call(
        namespace=namespace,
        op_id=given.op_id,
        attempt=activity.info().attempt,
        files_root=deps.files(namespace),
        artifacts=deps.artifacts(namespace),
        connection=_connection(deps, namespace, given.properties),
        heartbeat=beat,
    )
    output: BaseModel = await connector.run(call, properties)
    return output.model_dump(mode="json", by_alias=True)


def _connection(deps: Deps, namespace: str, properties: dict[str, Json]) -> Connection | None:
    name = properties.get("connection")
    return deps.connections.resolve(namespace, name) if isinstance(name, str) else None


def _connector(type_: str) -> Connector[Any, Any]:
    connector = CONNECTORS.get(type_)
    if connector is None:
        raise ConnectorError(
            f"This worker has no connector {type_!r}.",
            code="unknown_type",
            permanent=True,
            remedy="Run a worker of the version that made this revision, then restart the execution.",
        )
    return connector


def _effect(given: TaskIn) -> Effect:
    request = {"type": given.type, "properties": given.properties}
    return Effect(
        namespace=given.where.namespace,
        execution_id=given.where.execution_id,
        flow_id=given.where.flow_id,
        path=place(given.where),
        op_id=given.op_id,
        request=request,
        request_hash=digest(request),
        action_digest=given.permit.action_digest if given.permit else None,
        attempt=activity.info().attempt,
        fence=fence(),
        meta={"type": given.type},
    )
