"""Files given on the command line: put where the installation's file tasks may read them."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from visto.cli.errors import CommandError, Exit


def uploaded(declared: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    """Replace paths of inputs of type ``file`` by paths inside the files folder. Raises ``CommandError``.

    The same content is stored once. Another machine's files folder is out of reach, so such paths pass as they are.
    """
    files = {one["id"] for one in declared if one["type"] == "file"}
    return {
        name: _stored(value) if name in files and isinstance(value, str) else value for name, value in given.items()
    }


def _stored(value: str) -> str:
    from workflows.settings import Settings

    settings = Settings()
    root = settings.files / settings.namespace
    path = Path(value)
    if os.environ.get("VISTO_URL") or "://" in value:
        return value
    if not path.is_file():
        if (root / value).is_file():
            return value
        raise CommandError(
            f"{value} does not exist.",
            exit_code=Exit.USAGE,
            code="usage",
            remedy=f"Give a path that exists here, or one below {root}.",
        )
    if path.resolve().is_relative_to(root):
        return path.resolve().relative_to(root).as_posix()
    name = f"inbox/{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}-{path.name}"
    target = root / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(path, draft)
        draft.replace(target)
    return name
