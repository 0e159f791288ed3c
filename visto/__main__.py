"""The launcher: puts the application's folder first on the path before anything else is imported, then runs the CLI.

``workflows`` is also the name of a package that LlamaIndex installs. Ours must be found first, and it finds theirs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

GUARDED = ("workflows", "agents", "api", "connectors", "evals", "rag")


def application_folder() -> Path:
    """The folder that holds our packages: ``visto/_app`` in a wheel, the repository's root in a checkout."""
    here = Path(__file__).resolve().parent
    packed = here / "_app"
    return packed if packed.is_dir() else here.parent


def prepare() -> Path:
    """Make our packages importable by their names. Raises ``SystemExit`` when a foreign one is already imported."""
    folder = application_folder()
    for name in GUARDED:
        module = sys.modules.get(name)
        if module is not None and not _is_ours(module, folder / name):
            raise SystemExit(
                f"visto: another package named {name!r} is already imported, from {_origin(module)}.\n"
                f"  Import nothing before visto, or start it as its own process: {sys.executable} -m visto"
            )
    wanted = str(folder)
    sys.path[:] = [wanted, *(entry for entry in sys.path if entry != wanted)]
    return folder


def _is_ours(module: ModuleType, folder: Path) -> bool:
    return bool(module.__file__) and Path(str(module.__file__)).resolve().parent == folder


def _origin(module: ModuleType) -> str:
    return module.__file__ or "an unknown place"


def main() -> None:
    """Entry point of the ``visto`` command and of ``python -m visto``."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads that wait for each other cost more than they do
    prepare()
    from visto.cli.app import app

    app(prog_name="visto")


if __name__ == "__main__":
    main()
