"""What gets installed: pinned by hash, from no particular address, and without torch."""

import re
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]
HEAVY = re.compile(
    r"^(torch|torchvision|sentence[-_]transformers|nvidia[-_].*|pandas|tensorflow|triton)$", re.IGNORECASE
)


def pins(name):
    """Name, version and hashes of every package in a lock."""
    found = {}
    for block in re.split(r"\n(?=\S)", (ROOT / name).read_text()):
        head = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", block)
        if head:
            found[head[1].lower()] = (head[2], re.findall(r"--hash=sha256:[0-9a-f]{64}", block))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_address(name):
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|\s@\s|^-i\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(name):
    found = pins(name)
    assert len(found) > 50
    assert [package for package, (_, hashes) in found.items() if not hashes] == []
    requirements = [line for line in (ROOT / name).read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert [line for line in requirements if "==" not in line] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_reaches_torch(name):
    assert [package for package in pins(name) if HEAVY.match(package)] == []


def test_the_development_lock_adds_to_the_runtime_lock_and_changes_nothing():
    runtime, development = (pins(name) for name in LOCKS)
    assert {name: development.get(name, (None,))[0] for name in runtime} == {
        name: pin[0] for name, pin in runtime.items()
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_the_wheel_asks_for_nothing_heavy_and_names_no_address(wheel):
    [name] = [entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA")]
    wanted = Parser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist") or []
    assert wanted
    names = [re.match(r"[A-Za-z0-9._-]+", requirement)[0] for requirement in wanted]
    assert [name for name in names if HEAVY.match(name)] == []
    assert [requirement for requirement in wanted if "@" in requirement or "://" in requirement] == []


def test_the_wheel_puts_one_name_into_site_packages(wheel):
    tops = {entry.split("/")[0] for entry in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"visto"}


def test_the_wheel_holds_every_package_and_no_tests(wheel):
    names = wheel.namelist()
    for package in ("agents", "api", "connectors", "evals", "rag", "workflows"):
        assert f"visto/_app/{package}/__init__.py" in names
    assert [name for name in names if "/tests/" in name or name.endswith((".pyc", ".db"))] == []
