"""Documentation that cannot go stale: every flow in it checks, every link in it leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workflows.activities.catalog import Catalog
from workflows.flow.compile import compile_flow
from workflows.flow.diagnostics import has_errors

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def flows() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for number, block in enumerate(FENCE.findall(page.read_text()), start=1):
            if re.search(r"^tasks:", block, re.MULTILINE):
                found.append((f"{page.name}#{number}", block))
    return found


@pytest.mark.parametrize(("name", "text"), flows(), ids=[name for name, _ in flows()])
def test_every_flow_in_the_documentation_checks(name: str, text: str) -> None:
    made = compile_flow(text, name, Catalog(), "default")
    assert not has_errors(made.diagnostics), [str(diagnostic) for diagnostic in made.diagnostics]


def test_there_are_flows_in_the_documentation() -> None:
    assert flows()


@pytest.mark.parametrize("path", sorted((ROOT / "flows" / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_checks(path: Path) -> None:
    made = compile_flow(path.read_text(), path.name, Catalog(), "default")
    assert not has_errors(made.diagnostics), [str(diagnostic) for diagnostic in made.diagnostics]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert broken == []
