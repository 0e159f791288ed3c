"""What a yes will do, for reading: each effect with its connection and every argument, nothing cut. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.console.formats import plain
from api.console.pages.gate_diff import Span, words
from workflows.flow.expr import SECRET_KEY

Json = Any
FOLD_CHARACTERS, FOLD_LINES = 600, 12


@dataclass(frozen=True, slots=True)
class Argument:
    """``text`` is the whole value; ``long`` ones are folded. ``spans`` shows how it differs from what it was before."""

    name: str
    text: str
    spans: tuple[Span, ...] = ()

    @property
    def long(self) -> bool:
        return len(self.text) > FOLD_CHARACTERS or self.text.count("\n") > FOLD_LINES

    @property
    def size(self) -> str:
        return f"{len(self.text):,} characters".replace(",", "\u202f")


@dataclass(frozen=True, slots=True)
class Effect:
    """``task`` is its id in the flow; ``connection`` None where the connector needs none. ``news`` on a preview: the
    effect is ``added``, ``dropped`` or the same as before (empty)."""

    task: str
    type: str
    connection: str | None
    arguments: tuple[Argument, ...]
    news: str = ""


def effects(view: Mapping[str, Json]) -> tuple[Effect, ...]:
    """The effects of a view document in the order in which they stand."""
    return tuple(_effect(one) for one in view.get("effects", ()))


def effects_compared(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[Effect, ...]:
    """The effects of ``after``, with what an edit changed in them; those that an edit dropped come last."""
    old = {one["path"]: one for one in before.get("effects", ())}
    new = {one["path"]: one for one in after.get("effects", ())}
    kept = [_effect(one, old.get(path)) if path in old else _effect(one, news="added") for path, one in new.items()]
    dropped = [_effect(one, news="dropped") for path, one in old.items() if path not in new]
    return (*kept, *dropped)


def _effect(one: Mapping[str, Json], before: Mapping[str, Json] | None = None, *, news: str = "") -> Effect:
    properties = dict(one.get("properties", {}))
    connection = properties.pop("connection", None)
    earlier = dict(before.get("properties", {})) if before else {}
    arguments = tuple(_argument(name, value, earlier, known=before is not None) for name, value in properties.items())
    named = connection if isinstance(connection, str) else None if connection is None else value_text(connection)
    return Effect(str(one["path"]).rpartition("/")[2], str(one["type"]), named, arguments, news)


def _argument(name: str, value: Json, earlier: Mapping[str, Json], *, known: bool) -> Argument:
    text = value_text(value)
    was = value_text(earlier[name]) if name in earlier else ""
    return Argument(name, text, words(was, text) if known and was != text else ())


def value_text(value: Json) -> str:
    """A value as it will be sent, except that a secret is named and never shown."""
    if isinstance(value, dict) and set(value) == {SECRET_KEY}:
        return _with_secrets(value[SECRET_KEY])
    return plain(value)


def _with_secrets(pieces: Sequence[Json]) -> str:
    return "".join(piece if isinstance(piece, str) else f"[secret {piece.get('name')}]" for piece in pieces)
