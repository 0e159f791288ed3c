"""Views of the inbox that somebody named: theirs alone, and nothing but the query of an address anybody may open."""

from __future__ import annotations

from workflows.gates.model import Actor
from workflows.store.db import Tx
from workflows.store.repositories import saved_views
from workflows.store.repositories.saved_views import SavedView
from workflows.usecases.refusals import Refused
from workflows.usecases.services import Services

MOST = 30
MAX_NAME = 60
MAX_QUERY = 1000


async def views_of(services: Services, namespace: str, actor: Actor) -> list[SavedView]:
    """This person's views, by name."""
    return await services.db.read(lambda tx: saved_views.of_person(tx, namespace, actor.principal_id))


async def save(services: Services, namespace: str, actor: Actor, name: str, query: str) -> None:
    """Keep a view; the same name again changes it. Raises ``Refused`` ``invalid_view`` or ``too_many_views``."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or len(query) > MAX_QUERY:
        raise Refused(
            "invalid_view", f"A view needs a name of 1 to {MAX_NAME} characters.", status=422,
            remedy="Give it a short name.", fields={"name": [f"1 to {MAX_NAME} characters."]},
        )  # fmt: skip

    def unit(tx: Tx) -> None:
        known = saved_views.of_person(tx, namespace, actor.principal_id)
        if len(known) >= MOST and name not in {view.name for view in known}:
            raise Refused(
                "too_many_views", f"You have {MOST} views already.", status=409, remedy="Delete one you do not need."
            )
        saved_views.save(tx, namespace, actor.principal_id, name, query)

    await services.db.write(unit)


async def delete(services: Services, namespace: str, actor: Actor, view_id: str) -> bool:
    """Forget a view. Returns whether it was there; somebody else's is not."""
    return await services.db.write(lambda tx: saved_views.delete(tx, namespace, actor.principal_id, view_id))
