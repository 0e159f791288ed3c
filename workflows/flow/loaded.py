"""A document's data together with the place of every part of it, and the collector of what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from workflows.flow.diagnostics import Diagnostic, Severity

Json = Any
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the text; both count from 1."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(slots=True)
class Loaded:
    """``data`` is plain JSON (``None`` when the text could not be read); ``values`` and ``keys`` are places by path."""

    name: str
    text: str
    data: Json = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @classmethod
    def from_data(cls, data: Json, name: str = "flow") -> Loaded:
        """Wrap data that has no text, e.g. a stored revision; every place is the document's start."""
        return cls(name=name, text="", data=data)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return where a part stands, or where its nearest enclosing part does."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for end in range(len(path), -1, -1):
            found = first.get(path[:end]) or second.get(path[:end])
            if found is not None:
                return found
        return START

    def groups(self, name: str) -> Iterator[tuple[int, dict[str, Json]]]:
        """Yield the groups of fields in a top-level list, with their positions; whatever else stands there is skipped."""
        listed = self.data.get(name) if isinstance(self.data, dict) else None
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(one, dict):
                yield index, one

    def line(self, number: int) -> str:
        lines = self.text.splitlines()
        return lines[number - 1] if 0 < number <= len(lines) else ""


class Report:
    """Collects diagnostics by path. The same problem at the same place is reported once."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._found: dict[Diagnostic, None] = dict.fromkeys(loaded.diagnostics)

    def add(
        self, path: Path, code: str, message: str, hint: str = "", *, key: bool = False, severity: Severity = "error"
    ) -> None:
        place = self.loaded.place(path, key=key)
        self._found[Diagnostic(self.loaded.name, place.line, place.column, code, message, hint, severity)] = None

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """Everything found so far, in the order of the text."""
        return sorted(self._found)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        self._found.update(dict.fromkeys(diagnostics))
