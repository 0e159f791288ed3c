"""Prompts as files: a version in the first line, and a digest that the journal records with every call."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_HEAD = re.compile(r"\A<!-- version: (\d+) -->\n")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file. ``digest`` is the SHA-256 of the whole file."""

    name: str
    version: int
    digest: str
    text: str

    def fill(self, **values: str) -> str:
        """The text with its places filled in one pass: a value is data and is never filled again."""
        return _PLACE.sub(lambda place: values[place[1]], self.text)


@cache
def load(name: str) -> Prompt:
    """The prompt ``<name>.md`` of this folder. Raises ``ValueError`` if it does not state its version."""
    raw = (Path(__file__).parent / f"{name}.md").read_text("utf-8")
    head = _HEAD.match(raw)
    if head is None:
        raise ValueError(f"prompt {name}.md must begin with '<!-- version: N -->'")
    digest = hashlib.sha256(raw.encode()).hexdigest()
    return Prompt(name=name, version=int(head[1]), digest=digest, text=raw[head.end() :].strip())


@cache
def digests() -> Mapping[str, str]:
    """``name@version`` -> digest of every prompt of this folder."""
    prompts = [load(path.stem) for path in sorted(Path(__file__).parent.glob("*.md"))]
    return MappingProxyType({f"{p.name}@{p.version}": p.digest for p in prompts})
