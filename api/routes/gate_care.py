"""Taking care of a gate without deciding it, and taking a decision back."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from api.auth import Caller
from api.deps import CallerDep, RelayDep, ServicesDep
from api.guard import guarded_router
from api.models import Body
from workflows.arbiter import expiring, handling, undoing
from workflows.arbiter.model import Assign, Claim, Comment, Extend, Handle

router = guarded_router(prefix="/gates", tags=["gates"])


class ClaimBody(Body):
    seconds: float = Field(default=600, gt=0, le=86_400, description="How long others are kept from deciding.")


class AssignBody(Body):
    to: str | None = Field(description="A person's principal id, or null to take the assignment back.")


class ExtendBody(Body):
    seconds: float = Field(gt=0, le=366 * 86_400, description="Added to the present deadline.")


class CommentBody(Body):
    text: str = Field(min_length=1, max_length=10_000)


class Until(BaseModel):
    until: datetime


class Released(BaseModel):
    """``released`` is false when nobody held it."""

    released: bool


class Assigned(BaseModel):
    to: str | None


class Commented(BaseModel):
    id: str


class Undone(BaseModel):
    """The gate is open again at this revision."""

    revision: int


@router.post("/{gate_id}/undo")
async def undo_decision(gate_id: str, services: ServicesDep, caller: CallerDep) -> Undone:
    """Take back a decision that is not in effect yet; only its maker or an admin may."""
    request = _handle(caller, gate_id)
    return Undone(revision=await services.db.write(lambda tx: undoing.undo(tx, services.journal, request)))


@router.post("/{gate_id}/claim")
async def claim_gate(gate_id: str, services: ServicesDep, caller: CallerDep, body: ClaimBody | None = None) -> Until:
    """Keep others from deciding for a while; claiming again renews."""
    request = Claim(
        namespace=caller.namespace,
        gate_id=gate_id,
        actor=caller.actor,
        lease=timedelta(seconds=(body or ClaimBody()).seconds),
    )
    return Until(until=await services.db.write(lambda tx: handling.claim(tx, services.journal, request)))


@router.post("/{gate_id}/release")
async def release_gate(gate_id: str, services: ServicesDep, caller: CallerDep) -> Released:
    """Give the claim back."""
    request = _handle(caller, gate_id)
    return Released(released=await services.db.write(lambda tx: handling.release(tx, services.journal, request)))


@router.post("/{gate_id}/assign")
async def assign_gate(gate_id: str, body: AssignBody, services: ServicesDep, caller: CallerDep) -> Assigned:
    """Ask one person to decide."""
    request = Assign(namespace=caller.namespace, gate_id=gate_id, actor=caller.actor, to=body.to)
    await services.db.write(lambda tx: handling.assign(tx, services.journal, request))
    return Assigned(to=body.to)


@router.post("/{gate_id}/extend")
async def extend_gate(
    gate_id: str, body: ExtendBody, services: ServicesDep, caller: CallerDep, relay: RelayDep
) -> Until:
    """Give more time before the gate expires."""
    request = Extend(
        namespace=caller.namespace, gate_id=gate_id, actor=caller.actor, by=timedelta(seconds=body.seconds)
    )
    until = await services.db.write(lambda tx: expiring.extend(tx, services.journal, request))
    relay.poke()
    return Until(until=until)


@router.post("/{gate_id}/comments", status_code=201)
async def comment_gate(gate_id: str, body: CommentBody, services: ServicesDep, caller: CallerDep) -> Commented:
    """Say something that others read beside the gate."""
    request = Comment(namespace=caller.namespace, gate_id=gate_id, actor=caller.actor, text=body.text)
    return Commented(id=await services.db.write(lambda tx: handling.comment(tx, services.journal, request)))


def _handle(caller: Caller, gate_id: str) -> Handle:
    return Handle(namespace=caller.namespace, gate_id=gate_id, actor=caller.actor)
