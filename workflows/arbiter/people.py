"""People as the store knows them at this moment: rights are never taken from what a request says of itself."""

from __future__ import annotations

from collections.abc import Iterable

from workflows.flow.planned import ApprovePlan, StagePlan
from workflows.gates.model import Actor
from workflows.gates.refusals import not_permitted
from workflows.store.db import Tx
from workflows.store.repositories import principals


def verified(tx: Tx, namespace: str, actor: Actor) -> Actor:
    """The actor with the kind, groups and roles they have now. Raises ``not_permitted`` for strangers and the disabled."""
    profile = principals.profile(tx, namespace, actor.principal_id)
    if profile is None or profile.principal.disabled_at is not None:
        raise not_permitted(
            f"{actor.name} is not known in this namespace, or was disabled.",
            "Ask an admin to add you, then try again.",
            why="unknown",
        )
    return actor.model_copy(
        update={
            "name": profile.principal.name,
            "kind": profile.principal.kind,
            "groups": profile.groups,
            "roles": profile.roles,
        }
    )


def resolved(tx: Tx, namespace: str, policy: ApprovePlan) -> ApprovePlan:
    """The policy with people named by principal id. A name that nobody answers to stays, and matches nobody."""
    stages = tuple(
        stage.model_copy(update={"people": tuple(_principal_id(tx, namespace, name) for name in stage.people)})
        for stage in policy.stages
    )
    return policy.model_copy(update={"stages": stages})


def members(tx: Tx, namespace: str, stage: StagePlan) -> tuple[str, ...]:
    """The principal ids of everybody asked at this stage, sorted; every reviewer where the flow names nobody."""
    if stage.groups or stage.people:
        groups = (principals.members(tx, namespace, group) for group in stage.groups)
        ids = {principal.id for group in groups for principal in group if principal.kind == "person"}
        return tuple(sorted(ids | set(stage.people)))
    return tuple(sorted(_reviewers(tx, namespace)))


def _reviewers(tx: Tx, namespace: str) -> Iterable[str]:
    for principal in principals.list_principals(tx, namespace):
        if principal.kind != "person" or principal.disabled_at is not None:
            continue
        profile = principals.profile(tx, namespace, principal.id)
        if profile is not None and {"reviewer", "admin"} & set(profile.roles):
            yield principal.id


def _principal_id(tx: Tx, namespace: str, name: str) -> str:
    if principals.get(tx, namespace, name) is not None:
        return name
    found = principals.find_by_identity(tx, namespace, "email", name.strip().lower())
    return name if found is None else found.id
