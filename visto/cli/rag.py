"""``visto rag``: fill and search knowledge bases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visto.cli.output import Json, emit, note, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.model import Hit, IngestReport
    from visto.cli.local import Local
    from workflows.store.db import Tx

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Fill and search knowledge bases.", rich_markup_mode=None
)

Collection = Annotated[str, typer.Option("--collection", "-c", help="The knowledge base.")]
Namespace = Annotated[str | None, typer.Option(help="The namespace; the installation's own by default.")]


@app.command()
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="Files and folders: Markdown, text, CSV, JSONL.", metavar="PATH...")
    ],
    collection: Collection,
    prune: Annotated[bool, typer.Option("--prune", help="Remove documents that are not among these.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Start anew, for example after a change of embeddings.")
    ] = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Read documents into a knowledge base. What has not changed is not embedded again.

    Example: visto rag ingest flows/examples/fraud-policy --collection fraud-policy

    Exit codes: 0 done, 3 Chroma or the database does not answer, 4 a document cannot be read (nothing was written).
    """
    report = asyncio.run(_ingest(paths, collection, namespace, prune=prune, rebuild=rebuild, quiet=as_json))
    if as_json:
        emit(report.model_dump(mode="json"))
        return
    say(
        f"{collection}: {report.documents} documents, {report.chunks} passages"
        f" ({report.added} new, {report.updated} changed, {report.unchanged} unchanged, {report.removed} removed)"
    )
    for skipped in report.skipped:
        note(f"skipped {skipped}: no reader knows this kind of file")
    if report.note:
        note(report.note)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: Collection,
    top_k: Annotated[int, typer.Option(min=1, max=50, help="How many passages.")] = 4,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Search a knowledge base as an agent does.

    Example: visto rag search "orders over 5000" --collection fraud-policy

    Exit codes: 0 searched, 3 Chroma does not answer, 4 no such collection.
    """
    hits = asyncio.run(_search(query, collection, top_k, namespace))
    if as_json:
        emit([hit.model_dump(mode="json") for hit in hits])
        return
    for hit in hits:
        say(f"{hit.score:.3f}  {hit.document}  {hit.heading}\n{hit.text.strip()}\n")


async def _search(query: str, collection: str, top_k: int, namespace: str | None) -> Sequence[Hit]:
    from rag.knowledge import Knowledge
    from visto.cli.local import settings

    found = settings()
    knowledge = Knowledge()
    try:
        return await knowledge.search(namespace or found.namespace, collection, query, top_k=top_k)
    finally:
        await knowledge.close()


async def _ingest(
    paths: Sequence[Path], collection: str, namespace: str | None, *, prune: bool, rebuild: bool, quiet: bool
) -> IngestReport:
    from rag.knowledge import Knowledge
    from visto.cli.local import opened
    from visto.cli.progress import bar

    with opened() as local, bar(f"Reading into {collection}", hidden=quiet) as advance:
        knowledge = Knowledge()
        where = namespace or local.settings.namespace
        try:
            report = await knowledge.ingest(
                where, collection, paths, prune=prune, rebuild=rebuild, progress=lambda step: advance(step.fraction)
            )
            info = await knowledge.describe(where, collection)
        finally:
            await knowledge.close()
        record(local, where, collection, info.model_dump(mode="json"), report.model_dump(mode="json"))
    return report


def record(local: Local, namespace: str, collection: str, info: dict[str, Any], report: dict[str, Any]) -> None:
    """Note the collection, so that flows which name it can be checked, and journal what entered it."""
    from workflows.journal.records import Record
    from workflows.store.repositories import collections

    entry = Record(
        namespace=namespace,
        kind="knowledge.ingested",
        via="cli",
        content=report,
        meta={"collection": collection},
    )

    def write(tx: Tx) -> None:
        collections.put(tx, namespace, collection, info)
        local.journal.append(tx, entry)

    local.db.write_sync(write)
