"""Scripts and styles: shorter as they are served, the same in what they do, and cached for good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.console import assets

SCRIPTS = sorted(assets.FOLDER.rglob("*.js"))
STYLES = sorted(assets.FOLDER.rglob("*.css"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(assets.FOLDER)))
def test_no_literal_of_a_script_spans_lines_so_indentation_means_nothing(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        assert line.count("`") % 2 == 0, f"{path.name}:{number}"
        assert not line.rstrip().endswith("\\"), f"{path.name}:{number}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(assets.FOLDER)))
def test_a_served_script_has_every_line_of_code_in_order(path: Path) -> None:
    text = re.sub(r"^\s*/\*\*.*?\*/\s*$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    code = [line.strip() for line in text.splitlines()]
    wanted = [line for line in code if line and not line.startswith("//")]
    served = assets._files()[str(path.relative_to(assets.FOLDER))].decode()
    assert served.split("\n") == wanted


@pytest.mark.parametrize("path", STYLES, ids=lambda path: str(path.relative_to(assets.FOLDER)))
def test_a_served_style_keeps_the_space_before_a_pseudo_class(path: Path) -> None:
    """``.a :is(b)`` is what stands inside ``.a``, ``.a:is(b)`` is ``.a`` itself; in ``@container`` the space gets lost."""
    inside = re.compile(r"[\w\])*] :(?=[a-z])")
    served = assets._files()[str(path.relative_to(assets.FOLDER))].decode()
    written = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    assert len(inside.findall(served)) == len(inside.findall(written))


def test_a_file_that_is_not_there_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        assets.address("none.js")
