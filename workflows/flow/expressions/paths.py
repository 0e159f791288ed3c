"""Which values an expression uses, found in its syntax tree without evaluating it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import nodes

from workflows.flow.expressions.values import Json

Path = tuple[str, ...]


def paths_of(node: nodes.Node) -> Iterator[Path]:
    """Yield the longest constant path of every name in the tree: ``outputs.a['b'][0].c`` gives outputs, a, b."""
    stack: list[nodes.Node] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, (nodes.Name, nodes.Getattr, nodes.Getitem)):
            path, rest = _unwind(current)
            stack.extend(rest)
            if path:
                yield path
        else:
            stack.extend(current.iter_child_nodes())


def constant_path(node: nodes.Node) -> Path | None:
    """Return the path if the whole node is a name followed by constant field names, else ``None``."""
    keys: list[str] = []
    while isinstance(node, nodes.Getattr):
        keys.append(node.attr)
        node = node.node
    return (node.name, *reversed(keys)) if isinstance(node, nodes.Name) else None


def _unwind(node: nodes.Node) -> tuple[Path, list[nodes.Node]]:
    keys: list[str | None] = []
    rest: list[nodes.Node] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr):
            keys.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            keys.append(node.arg.value)
        else:
            keys.append(None)
            rest.append(node.arg)
        node = node.node
    if not isinstance(node, nodes.Name):
        return (), [node, *rest]
    path = [node.name]
    for key in reversed(keys):
        if key is None:
            break
        path.append(key)
    return tuple(path), rest


def restrict(paths: set[Path], scope: Mapping[str, Json]) -> dict[str, Json]:
    """Return the smallest part of ``scope`` in which every path has the value, or the absence, that it has there."""
    made: dict[str, Json] = {}
    for path in sorted(paths, key=len, reverse=True):
        _copy(path, scope, made)
    return made


def _copy(path: Path, source: Mapping[str, Json], target: dict[str, Json]) -> None:
    for key in path[:-1]:
        if key not in source:
            return
        inner = source[key]
        if type(inner) is not dict:
            target[key] = inner
            return
        source, target = inner, target.setdefault(key, {})
    if path[-1] in source:
        target[path[-1]] = source[path[-1]]
