"""The import name ``workflows`` is shared with LlamaIndex: ours wins, theirs still works, and no file collides."""

import subprocess
import sys
from importlib.metadata import files, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
THEIRS = frozenset(
    [
        "client",
        "collect",
        "context",
        "decorators",
        "errors",
        "events",
        "handler",
        "plugins",
        "protocol",
        "representation",
        "resource",
        "retry_policy",
        "runtime",
        "server",
        "testing",
        "types",
        "utils",
        "workflow",
    ]
)


def run_outside(code: str) -> subprocess.CompletedProcess[str]:
    """Run code behind the launcher, in a process whose working directory is not the checkout."""
    launch = f"import sys; sys.path.append({str(ROOT)!r}); import visto.__main__ as launcher; launcher.prepare(); "
    return subprocess.run(
        [sys.executable, "-c", launch + code], capture_output=True, text=True, cwd="/", check=False, timeout=60
    )


def test_our_workflows_is_the_one_that_is_imported():
    done = run_outside("import workflows; print(workflows.__file__)")
    assert done.stdout.strip() == str(ROOT / "workflows" / "__init__.py"), done.stderr


def test_llama_index_still_finds_its_own_modules_behind_ours():
    done = run_outside(
        "import llama_index.core, workflows.events, workflows.flow; "
        "print('site-packages' in workflows.events.__file__, 'site-packages' in workflows.flow.__file__)"
    )
    assert done.stdout.strip() == "True False", done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "workflows").iterdir()), ids=lambda path: path.name)
def test_nothing_of_ours_hides_a_module_of_llama_index(path):
    assert path.name.removesuffix(".py") not in THEIRS


def test_the_list_of_their_modules_is_complete():
    """A newer llama-index-workflows that adds a module is noticed here, before one of ours hides it."""
    inside = [path.parts[1] for path in files("llama-index-workflows") or [] if path.parts[0] == "workflows"]
    found = {name.removesuffix(".py") for name in inside if not name.startswith(("_", "py.typed"))}
    assert found
    assert found <= THEIRS


@pytest.mark.parametrize("name", ["agents", "api", "connectors", "evals", "rag", "visto"])
def test_no_installed_package_takes_one_of_our_names(name):
    """Only an editable install of our own may claim them."""
    assert set(packages_distributions().get(name, [])) <= {"visto"}
