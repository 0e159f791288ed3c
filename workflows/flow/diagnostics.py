"""What is wrong with a flow, where, and what to do about it; and its four renderings: text, json, sarif, github."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]
Format = Literal["text", "json", "sarif", "github"]


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One problem. ``line`` and ``column`` count from 1; ``code`` is stable, the words are for people."""

    file: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        hint = f"  ({self.hint})" if self.hint else ""
        warning = "warning: " if self.severity == "warning" else ""
        return f"{self.file}:{self.line}:{self.column}  {self.code}  {warning}{self.message}{hint}"


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def render(diagnostics: Sequence[Diagnostic], format: Format = "text") -> str:
    """Write diagnostics, in file order. ``text`` of none is the empty text."""
    ordered = sorted(diagnostics)
    if format == "json":
        return json.dumps([asdict(one) for one in ordered], ensure_ascii=False, indent=2)
    if format == "sarif":
        return json.dumps(_sarif(ordered), ensure_ascii=False, indent=2)
    if format == "github":
        return "\n".join(_github(one) for one in ordered)
    return "\n".join(str(one) for one in ordered)


def _github(one: Diagnostic) -> str:
    words = f"{one.message} ({one.hint})" if one.hint else one.message
    place = f"file={_property(one.file)},line={one.line},col={one.column},title={_property(one.code)}"
    return f"::{one.severity} {place}::{_data(words)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(diagnostics: Sequence[Diagnostic]) -> Mapping[str, object]:
    rules = [{"id": code} for code in sorted({one.code for one in diagnostics})]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "visto", "rules": rules}},
                "results": [_sarif_result(one) for one in diagnostics],
            }
        ],
    }


def _sarif_result(one: Diagnostic) -> Mapping[str, object]:
    return {
        "ruleId": one.code,
        "level": one.severity,
        "message": {"text": f"{one.message} ({one.hint})" if one.hint else one.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": one.file},
                    "region": {"startLine": one.line, "startColumn": one.column},
                }
            }
        ],
    }
