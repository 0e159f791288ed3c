"""``visto chroma``: Chroma's server, straight from its compiled part (its own command needs two seconds to import)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def chroma(
    path: Annotated[Path, typer.Option(help="Folder of the data.")] = Path(".visto/chroma"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8500,
) -> None:
    """Run Chroma's server.

    Example: visto chroma --path .visto/chroma --port 8500
    """
    import chromadb_rust_bindings

    os.environ.setdefault("RUST_LOG", "warn")  # else it writes some 7 KB of log for every search
    chromadb_rust_bindings.cli(["chroma", "run", "--path", str(path), "--host", host, "--port", str(port)])
