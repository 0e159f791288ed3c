"""The brake: new effects stop within one preflight; what waits for people goes on waiting, and may be decided."""

from __future__ import annotations

from workflows.arbiter.people import verified
from workflows.arbiter.who import Who, person
from workflows.gates.model import Actor
from workflows.gates.refusals import not_permitted
from workflows.journal.records import Journal, Record
from workflows.store.db import Tx
from workflows.store.repositories import pauses

HOME = "default"
"""The installation's own namespace, unless its settings name another."""


def pause(
    tx: Tx,
    journal: Journal,
    namespace: str,
    actor: Actor,
    *,
    reason: str,
    flow_id: str | None = None,
    all_: bool = False,
    home: str = HOME,
) -> None:
    """Stop new effects of one flow, of the namespace, or (``all_``) of everything. Raises ``not_permitted``.

    ``home`` is the installation's own namespace: its admins alone may stop everything.
    """
    who = _operator(tx, namespace, actor, home if all_ else namespace)
    if all_:
        pauses.pause_everything(tx, by=who.name, reason=reason)
    else:
        pauses.pause(tx, namespace, flow_id=flow_id, by=who.name, reason=reason)
    _journal(tx, journal, namespace, who, _scope(flow_id, all_=all_), reason)


def resume(
    tx: Tx,
    journal: Journal,
    namespace: str,
    actor: Actor,
    *,
    flow_id: str | None = None,
    all_: bool = False,
    home: str = HOME,
) -> bool:
    """Lift the pause of the same extent. Returns whether there was one. Raises ``not_permitted``."""
    who = _operator(tx, namespace, actor, home if all_ else namespace)
    lifted = pauses.resume_everything(tx) if all_ else pauses.resume(tx, namespace, flow_id=flow_id)
    if lifted:
        _journal(tx, journal, namespace, who, _scope(flow_id, all_=all_), None)
    return lifted


def _operator(tx: Tx, namespace: str, actor: Actor, home: str) -> Who:
    """An admin of ``home``: of the namespace itself, or for the brake of everything of the installation's own."""
    actor = verified(tx, namespace, actor)
    if namespace != home:
        raise not_permitted(
            "Only the operator may stop the effects of every namespace.",
            f"Pause this namespace, or ask an admin of the namespace {home}.",
            why="not_operator",
        )
    if "admin" not in actor.roles:
        raise not_permitted(f"{actor.name} may not pause or resume effects.", "Ask an admin.", why="no_role")
    return person(actor, "role:admin")


def _scope(flow_id: str | None, *, all_: bool) -> str:
    if all_:
        return "all"
    return "namespace" if flow_id is None else f"flow:{flow_id}"


def _journal(tx: Tx, journal: Journal, namespace: str, who: Who, scope: str, reason: str | None) -> None:
    journal.append(
        tx,
        Record(
            namespace=namespace,
            kind="config.resumed" if reason is None else "config.paused",
            actor_kind=who.kind,
            actor_id=who.id,
            via=who.via,
            content={"by": who.name, "reason": reason},
            meta={"scope": scope},
        ),
    )
