"""Python, packages, and the programs that Visto starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from visto.doctor.model import Finding
from visto.supervisor.stack import TemporalMissing, temporal_binary

INSTALL = "Install what Visto needs again: `make dev` in a checkout, `pip install visto` elsewhere."


def python() -> Iterator[Finding]:
    """The interpreter."""
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    yield Finding(
        "python",
        "ok" if good else "problem",
        f"{found} at {sys.executable}",
        "" if good else "Use Python 3.11 or newer.",
    )


def packages() -> Iterator[Finding]:
    """Every dependency against the versions that were declared."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        declared = requires("visto") or []
    except PackageNotFoundError:
        yield Finding("packages", "info", "Visto is not installed here; it runs from a checkout.")
        return
    wrong = []
    for text in declared:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        found = _version(wanted.name)
        if found is None or not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} {found or 'is missing'}, wanted {wanted.specifier}")
    if wrong:
        yield Finding("packages", "problem", "; ".join(wrong), INSTALL)
    else:
        yield Finding("packages", "ok", f"all {len(declared)} in the versions that Visto wants")


def temporal() -> Iterator[Finding]:
    """The server that `visto dev` starts."""
    try:
        path = temporal_binary()
        told = subprocess.run(  # noqa: S603  the path is the one that was found
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except TemporalMissing as error:
        yield Finding("temporal", "problem", str(error), error.remedy)
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("temporal", "problem", f"The temporal command does not run: {error}.", INSTALL)
    else:
        yield Finding("temporal", "ok", f"{told} at {path}")


def chroma() -> Iterator[Finding]:
    """The vector store that `visto dev` starts."""
    found = _version("chromadb")
    if found is None:
        yield Finding("chroma", "problem", "The package chromadb is missing.", INSTALL)
    else:
        yield Finding("chroma", "ok", f"chromadb {found}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
