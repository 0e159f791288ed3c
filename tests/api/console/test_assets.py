"""Scripts and styles: shorter as they are served, the same in what they do, and cached for good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rjsmin

from api.console import assets
from tests.support.scripts import parsed

SCRIPTS = sorted(assets.FOLDER.rglob("*.js"))
STYLES = sorted(assets.FOLDER.rglob("*.css"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(assets.FOLDER)))
def test_a_served_script_says_what_is_written(path: Path) -> None:
    served = assets._files()[str(path.relative_to(assets.FOLDER))]
    assert parsed(served) == parsed(path.read_bytes())


@pytest.mark.parametrize(
    "script",
    [
        b'node.className = `ln${many ? ` has is-${worst}` : ""}`;',
        b"class A {\n  a = {}\n  #b = 1\n}",
    ],
    ids=["a template within a template", "a line that ends a field"],
)
def test_what_gets_lost_on_the_way_is_noticed(script: bytes) -> None:
    """What is known to be shortened wrongly: scripts of ours do without."""
    assert not _same(script, bytes(rjsmin.jsmin(script)))


@pytest.mark.parametrize(
    ("written", "served"),
    [
        (b"return\na", b"return a"),
        (b"a\n++b", b"a++\nb"),
        (b"f = () => {}\n(g)", b"f = () => {};(g)"),
        (b"a = ` b`", b"a = `b`"),
        (b"a = `${ b }`", b"a = `${b}`"),
        (b"a = /b  c/u", b"a = /b c/u"),
        (b"a = 'b'", b'a = "b"'),
        (b"a - -b", b"a--b"),
        (b"a; b", b"a;"),
    ],
)
def test_scripts_that_differ_are_told_apart(written: bytes, served: bytes) -> None:
    assert not _same(written, served)


def test_comments_and_space_make_no_difference() -> None:
    written = b"// one\nif (a) { /* two */ b()\n c() }\n/** three */ const d = `//`;\n"
    assert _same(written, b"if(a){b()\nc()}const d=`//`;")


def _same(written: bytes, served: bytes) -> bool:
    """Whether they say the same. What is served may be no script at all, what is written must be one."""
    wanted = parsed(written)
    try:
        return parsed(served) == wanted
    except AssertionError:
        return False


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
