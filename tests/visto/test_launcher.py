"""The launcher: our packages win over foreign ones of the same name, or nothing starts."""

import subprocess
import sys
from pathlib import Path

from visto.__main__ import application_folder

ROOT = Path(__file__).resolve().parents[2]


def python(code, *, cwd="/", path=()):
    lines = [f"import sys; sys.path[:0] = {[str(one) for one in (*path, ROOT)]!r}", code]
    return subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, cwd=cwd, check=False, timeout=60
    )


def foreign(folder, name):
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("FOREIGN = True\n")
    return package


def test_in_a_checkout_the_application_folder_is_the_root():
    assert application_folder() == ROOT


def test_a_foreign_package_earlier_on_the_path_loses(tmp_path):
    foreign(tmp_path, "workflows")
    done = python(
        "from visto.__main__ import prepare; prepare(); import workflows; print(workflows.__file__)", path=[tmp_path]
    )
    assert done.stdout.strip() == str(ROOT / "workflows" / "__init__.py"), done.stderr


def test_a_foreign_package_in_the_working_directory_loses(tmp_path):
    foreign(tmp_path, "api")
    done = python("from visto.__main__ import prepare; prepare(); import api; print(api.__file__)", cwd=tmp_path)
    assert done.stdout.strip() == str(ROOT / "api" / "__init__.py"), done.stderr


def test_a_foreign_package_that_is_imported_already_stops_the_start_with_a_remedy(tmp_path):
    package = foreign(tmp_path, "workflows")
    done = python("import workflows; from visto.__main__ import prepare; prepare()", path=[tmp_path])
    assert done.returncode == 1
    assert str(package / "__init__.py") in done.stderr
    assert "-m visto" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_path_names_the_application_folder_once_and_first():
    done = python(
        "from visto.__main__ import prepare; prepare(); prepare(); print(sys.path.count(sys.path[0]), sys.path[0])"
    )
    assert done.stdout.split() == ["1", str(ROOT)], done.stderr
