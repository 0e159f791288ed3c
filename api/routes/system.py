"""Whether the process lives, whether it can work, and who is asking."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from fastapi import Response
from pydantic import BaseModel

from api.deps import CallerDep, ServicesDep
from api.guard import guarded_router
from workflows.store.db import StoreUnavailable, Tx
from workflows.store.repositories import outbox

router = guarded_router(tags=["system"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    """Whether requests can be served. Without Temporal, starts and decisions are accepted and run later."""

    status: Literal["ready", "degraded", "not_ready"]
    store: bool
    temporal: bool


class Me(BaseModel):
    """Who the key belongs to and what it may do."""

    principal_id: str
    name: str
    kind: Literal["person", "service"]
    namespace: str
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


def product_version() -> str:
    """The installed version."""
    try:
        return version("visto")
    except PackageNotFoundError:
        return "0.0.0"


@router.get("/health")
async def health() -> Health:
    """Answer without touching anything else."""
    return Health(version=product_version())


@router.get("/ready")
async def ready(response: Response, services: ServicesDep) -> Readiness:
    """Ask the store and Temporal. 503 only without the store."""
    try:
        await services.db.read(_touch)
    except StoreUnavailable:
        response.status_code = 503
        return Readiness(status="not_ready", store=False, temporal=False)
    temporal = await services.gateway.healthy()
    return Readiness(status="ready" if temporal else "degraded", store=True, temporal=temporal)


def _touch(tx: Tx) -> None:
    outbox.next_due(tx)


@router.get("/me")
async def me(caller: CallerDep) -> Me:
    """Describe the caller."""
    return Me(namespace=caller.namespace, **caller.actor.model_dump(exclude={"via", "sign_in"}))
