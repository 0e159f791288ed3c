"""What may be written where in a flow, for completion: the language's JSON Schema, cut down to names and places.

The answer is ``{"root": n, "nodes": [...]}``. A node is ``{"k": {key: {"d": words, "v": values, "n": node}}}`` for the keys
of a mapping, ``"i"`` the node of a list's elements, ``"a"`` of any other key's value, and ``"t"`` nodes by ``type``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from workflows.flow.schema import language_schema
from workflows.flow.tasktype import World

Json = Any
MAX_WORDS = 160


async def words(world: World) -> dict[str, Json]:
    """The tree of names for what this installation knows."""
    later = frozenset(name for name, one in world.task_types().items() if not one.available)
    return await asyncio.to_thread(lambda: of_schema(language_schema(world), later))


def of_schema(schema: Mapping[str, Json], without: frozenset[str] = frozenset()) -> dict[str, Json]:
    """As ``words``, of a schema, without the types that are not to be had. Pure."""
    tree = _Tree(schema.get("$defs", {}), without)
    root = tree.node(schema)
    return {"root": root, "nodes": tree.nodes}


class _Tree:
    def __init__(self, definitions: Mapping[str, Json], without: frozenset[str]) -> None:
        self.definitions = definitions
        self.without = without
        self.nodes: list[dict[str, Json]] = []
        self._known: dict[str, int | None] = {}

    def node(self, schema: Mapping[str, Json]) -> int | None:
        """The number of a schema's node; None for plain values, which have no names inside."""
        name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
        if name:
            if name not in self._known:
                self._known[name] = len(self.nodes) if name == "Task" else None
                self._known[name] = self.node(self.definitions[name])
            return self._known[name]
        made: dict[str, Json] = {}
        at = len(self.nodes)
        self.nodes.append(made)
        self._fill(made, schema)
        if not made and at == len(self.nodes) - 1:
            self.nodes.pop()
            return None
        return at

    def _fill(self, made: dict[str, Json], schema: Mapping[str, Json]) -> None:
        if "allOf" in schema:
            cases = {case["then"]["properties"]["type"]["const"]: case["then"] for case in schema["allOf"]}
            self._by_type(made, cases)
            return
        options = [self._plain(one) for one in schema.get("anyOf", ())]
        typed = {one["properties"]["type"]["const"]: one for one in options if _has_type(one)}
        if typed:
            self._by_type(made, typed)
            return
        for part in (schema, *options):
            self._one(made, part)

    def _by_type(self, made: dict[str, Json], cases: Mapping[str, Mapping[str, Json]]) -> None:
        offered = {name: case for name, case in cases.items() if name not in self.without}
        made["t"] = {name: self.node(case) for name, case in offered.items()}
        made["d"] = {name: _brief(case) for name, case in offered.items()}

    def _one(self, made: dict[str, Json], schema: Mapping[str, Json]) -> None:
        if "properties" in schema:
            keys = made.setdefault("k", {})
            keys.update({name: self._key(part) for name, part in schema["properties"].items()})
        if isinstance(schema.get("items"), Mapping) and (inner := self.node(schema["items"])) is not None:
            made["i"] = inner
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping) and (inner := self.node(more)) is not None:
            made["a"] = inner

    def _key(self, part: Mapping[str, Json]) -> dict[str, Json]:
        made: dict[str, Json] = {}
        if words := _brief(self._plain(part)):
            made["d"] = words
        if values := self._values(part):
            made["v"] = values
        if (inner := self.node(part)) is not None:
            made["n"] = inner
        return made

    def _values(self, part: Mapping[str, Json]) -> list[str]:
        found: list[Json] = []
        for one in (part, *part.get("anyOf", ())):
            plain = self._plain(one)
            found += plain.get("enum", [])
            if plain.get("type") == "boolean":
                found += [True, False]
        return [str(one).lower() if isinstance(one, bool) else str(one) for one in found]

    def _plain(self, part: Mapping[str, Json]) -> Mapping[str, Json]:
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        return self.definitions.get(name, part) if name else part


def _has_type(schema: Mapping[str, Json]) -> bool:
    return "const" in schema.get("properties", {}).get("type", {})


def _brief(schema: Mapping[str, Json]) -> str:
    text = " ".join(str(schema.get("description", "")).replace("``", "").split())
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"
