"""The console's own style sheets and scripts. Their address holds a digest of all of them, so they are cached for good."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import rcssmin
import rjsmin
from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from api.console.guard import ConsoleRoute

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
FOR_GOOD = "public, max-age=31536000, immutable"

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@cache
def _files() -> dict[str, bytes]:
    return {str(path.relative_to(FOLDER)): _served(path) for path in FOLDER.rglob("*") if path.suffix in TYPES}


def _served(path: Path) -> bytes:
    """A file as browsers get it: scripts and styles without comments and needless space."""
    content = path.read_bytes()
    match path.suffix:
        case ".js":
            return bytes(rjsmin.jsmin(content))
        case ".css":
            return bytes(rcssmin.cssmin(content))
    return content


@cache
def digest() -> str:
    """Twelve hexadecimal digits that change with any file."""
    whole = hashlib.sha256()
    for name, content in sorted(_files().items()):
        whole.update(name.encode() + b"\0" + content + b"\0")
    return whole.hexdigest()[:12]


def address(name: str) -> str:
    """Where ``name`` (``console.css``, ``inbox/inbox.js``) is served. Raises ``KeyError`` for a file that is not there."""
    if name not in _files():
        raise KeyError(name)
    return f"/static/{digest()}/{name}"


@router.get("/static/{version}/{name:path}")
async def static_file(version: str, name: str) -> Response:
    """One file. An address of an older version gets the present file, uncached."""
    content = _files().get(name)
    if content is None:
        raise HTTPException(404, "There is no such file.")
    caching = FOR_GOOD if version == digest() else "no-cache"
    return Response(content, media_type=TYPES[Path(name).suffix], headers={"Cache-Control": caching})
