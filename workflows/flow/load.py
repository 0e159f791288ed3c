"""Reads a YAML document safely: core schema, places for every node, and hard limits. Never raises, never hangs.

The tree is composed here from the parser's events, without recursion and without constructors: there is nothing
a tag could call, and every limit is checked before the next event is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from workflows.flow.diagnostics import Diagnostic
from workflows.flow.loaded import Json, Loaded, Path, Place
from workflows.flow.scalars import NotJson, resolve

MAX_BYTES = 256 * 1024
MAX_DEPTH = 50
MAX_ALIASES = 64
MAX_NODES = 50_000

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTED_START = re.compile(r"^\s*(?:-\s+)?(?:when|require|auto_when|until):\s*(['\"])")


class _Stop(Exception):
    """The document cannot be read further."""

    def __init__(self, place: Place, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.place = place
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(slots=True)
class _Node:
    place: Place
    kind: str = "scalar"
    value: Json = None
    items: list[_Node] = field(default_factory=list)
    entries: dict[str, tuple[Place, _Node]] = field(default_factory=dict)
    pending: tuple[str, Place] | None = None
    flow: bool = False
    size: int = 1


def load(text: str, name: str = "flow.yaml") -> Loaded:
    """Read one YAML document. What is wrong with it stands in ``diagnostics``."""
    loaded = Loaded(name=name, text=text.removeprefix("\ufeff"))
    composer = _Composer(loaded)
    try:
        root = composer.compose()
        _unfold(root, loaded)
    except _Stop as stop:
        composer.report(stop.place, stop.code, stop.message, stop.hint)
        loaded.data = None
    return loaded


class _Composer:
    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.text = loaded.text
        self.anchors: dict[str, _Node] = {}
        self.aliases = 0
        self.stack: list[_Node] = []
        self.open_anchors: set[str] = set()
        self.root: _Node | None = None

    def report(self, place: Place, code: str, message: str, hint: str = "") -> None:
        self.loaded.diagnostics.append(Diagnostic(self.loaded.name, place.line, place.column, code, message, hint))

    def compose(self) -> _Node:
        _check_text(self.text)
        try:
            for event in self._events():
                self._take(event)
        except yaml.MarkedYAMLError as error:
            raise self._syntax(error) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise _Stop(Place(1, 1), "yaml-syntax", f"this is not readable as YAML: {_short(str(error))}") from None
        if self.root is None:
            raise _Stop(Place(1, 1), "empty-file", "the file is empty", "a flow needs at least `id` and `tasks`")
        return self.root

    def _events(self) -> Iterator[Any]:
        parser = _PARSER(self.text)
        try:
            while parser.check_event():
                yield parser.get_event()
        finally:
            parser.dispose()

    def _take(self, event: Any) -> None:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.DocumentStartEvent):
            if self.root is not None:
                raise _Stop(place, "several-documents", "a file holds one flow", "remove the `---` between documents")
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event, place), place)
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event, place)
            self._scalar(event, place)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._refuse_tag(event, place)
            self._open(event, place)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None:
            raise _Stop(place, "yaml-tag", f"the tag `{_short(event.tag)}` is not allowed", "write the plain value")

    def _alias(self, event: Any, place: Place) -> _Node:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise _Stop(place, "too-many-aliases", f"a file may use at most {MAX_ALIASES} aliases (`*name`)")
        node = self.anchors.get(event.anchor)
        if node is None:
            raise _Stop(place, "yaml-alias", f"`*{_short(event.anchor)}` refers to nothing before it")
        if node in self.stack:
            raise _Stop(place, "yaml-alias", f"`*{_short(event.anchor)}` contains itself")
        return node

    def _scalar(self, event: Any, place: Place) -> None:
        value: Json = event.value
        parent = self.stack[-1] if self.stack else None
        is_key = parent is not None and parent.kind == "mapping" and parent.pending is None
        if event.implicit[0] and not is_key:
            try:
                value = resolve(event.value)
            except NotJson as error:
                self.report(place, "bad-number", str(error))
                value = 0
        if is_key and parent is not None:
            self._key(parent, event, place)
            return
        node = _Node(place, value=value)
        self._remember(event, node)
        self._add(node, place)

    def _key(self, parent: _Node, event: Any, place: Place) -> None:
        self._remember(event, _Node(place, value=event.value))
        parent.pending = (event.value, place)
        if parent.flow and not self.text[event.end_mark.index : event.end_mark.index + 400].lstrip().startswith(":"):
            self.report(
                place,
                "stray-key",
                f"`{_short(event.value)}` became a name of its own because of a comma in a text",
                "put the whole text in quotes",
            )

    def _open(self, event: Any, place: Place) -> None:
        parent = self.stack[-1] if self.stack else None
        if parent is not None and parent.kind == "mapping" and parent.pending is None:
            if self.text.startswith("{", max(event.start_mark.index - 1, 0)):
                raise _Stop(place, "unquoted-expression", "`{{ ... }}` must be in quotes", 'write "{{ ... }}"')
            raise _Stop(place, "yaml-key", "a list or a group cannot be the name of a field")
        if len(self.stack) >= MAX_DEPTH:
            raise _Stop(place, "too-deep", f"nested deeper than {MAX_DEPTH} levels")
        kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "list"
        node = _Node(place, kind=kind, flow=bool(event.flow_style))
        self._remember(event, node)
        self.stack.append(node)

    def _remember(self, event: Any, node: _Node) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = node

    def _close(self) -> None:
        node = self.stack.pop()
        self._add(node, node.place)

    def _add(self, node: _Node, place: Place) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        parent.size += node.size
        if parent.size > MAX_NODES:
            raise _Stop(place, "too-large", f"the file expands to more than {MAX_NODES} values")
        if parent.kind == "list":
            parent.items.append(node)
        elif parent.pending is None:
            if node.kind != "scalar" or not isinstance(node.value, str):
                raise _Stop(place, "yaml-key", "the name of a field must be a text")
            parent.pending = (node.value, place)
        else:
            self._entry(parent, parent.pending, node)

    def _entry(self, parent: _Node, key: tuple[str, Place], node: _Node) -> None:
        parent.pending = None
        name, place = key
        if name in parent.entries:
            hint = f"the first one is in line {parent.entries[name][0].line}"
            self.report(place, "duplicate-key", f"`{_short(name)}` is given twice", hint)
        else:
            parent.entries[name] = (place, node)

    def _syntax(self, error: yaml.MarkedYAMLError) -> _Stop:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        line = self.loaded.line(place.line)
        hint = ""
        if _QUOTED_START.match(line):
            hint = "put the whole condition in quotes, using the other kind of quotes inside it"
        elif "{{" in line:
            hint = "put the whole text with `{{ }}` in quotes"
        elif ": " in line.partition(": ")[2]:
            hint = "a text that contains `: ` must be in quotes"
        elif "\t" in line:
            hint = "indent with spaces, not with tabs"
        return _Stop(place, "yaml-syntax", _syntax_words(error), hint)


def _check_text(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _Stop(Place(1, 1), "yaml-syntax", "the file contains characters that are not valid Unicode") from None
    if size > MAX_BYTES:
        raise _Stop(Place(1, 1), "too-large", f"the file has {size} bytes; at most {MAX_BYTES} are allowed")


def _syntax_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "this cannot be read"
    return f"the YAML cannot be read here: {_short(problem)}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004


def _unfold(root: _Node, loaded: Loaded) -> None:
    """Make plain data of the tree; a node used by several aliases becomes several values."""
    holder: list[Json] = [None]
    work: list[tuple[_Node, Path, Any, str | int]] = [(root, (), holder, 0)]
    while work:
        node, path, target, slot = work.pop()
        loaded.values[path] = node.place
        if node.kind == "scalar":
            target[slot] = node.value
        elif node.kind == "list":
            made: list[Json] = [None] * len(node.items)
            target[slot] = made
            work.extend((item, (*path, index), made, index) for index, item in enumerate(node.items))
        else:
            group: dict[str, Json] = dict.fromkeys(node.entries)
            target[slot] = group
            for name, (place, value) in node.entries.items():
                loaded.keys[*path, name] = place
                work.append((value, (*path, name), group, name))
    loaded.data = holder[0]
