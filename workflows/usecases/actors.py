"""Who acts: a principal as the store knows them, by the way they came in."""

from __future__ import annotations

from workflows.gates.model import Actor
from workflows.store.repositories.principals import Profile


def actor_of(profile: Profile, *, via: str, sign_in: str, scopes: tuple[str, ...] = ()) -> Actor:
    """The actor that decisions snapshot. ``via`` is the channel, ``sign_in`` how they were recognised there."""
    return Actor(
        principal_id=profile.principal.id,
        name=profile.principal.name,
        kind="person" if profile.principal.kind == "person" else "service",
        groups=profile.groups,
        roles=profile.roles,
        scopes=scopes,
        via=via,
        sign_in=sign_in,
    )
