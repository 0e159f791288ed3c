"""``visto audit``: verify, explain, export, show and erase; works on the database itself, whatever else runs."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Verify, explain, export and show the record.",
    rich_markup_mode=None,
)

Namespace = Annotated[str | None, typer.Option(help="The namespace; the installation's own by default.")]


@app.command()
def verify(
    archive: Annotated[Path | None, typer.Argument(help="An export to verify, without any database.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Only this namespace; all by default.")] = None,
    as_json: Json = False,
) -> None:
    """Verify every record: the chain, the contents, and that decisions and effects agree with it.

    Example: visto audit verify

    Exit codes: 0 VERIFIED, 1 TAMPERED (the first bad record is named), 2 INCOMPLETE (nothing is wrong, and not all
    could be read), 3 it could not be checked.
    """
    from visto.cli.local import opened
    from workflows.journal.export import verify_export
    from workflows.journal.verify import verify as verify_store

    if archive is not None:
        report = verify_export(archive)
    else:
        with opened() as local:
            report = verify_store(local.db, local.journal.keyring, namespace=namespace)
    if as_json:
        findings = [str(finding) for finding in report.findings]
        emit({"verdict": str(report.verdict), "events": report.events, "streams": report.streams, "findings": findings})
    else:
        for line in report.lines():
            say(line)
    raise typer.Exit(report.verdict.exit_code)


@app.command()
def explain(
    execution: Annotated[str, typer.Argument(help="The execution's id.", metavar="EXECUTION")],
    full: Annotated[bool, typer.Option("--full", help="Show contents whole.")] = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Tell an execution in order: prompts, passages, answers, rules, who decided, what happened.

    Example: visto audit explain 0192f0c1-... --full

    Exit codes: 0 told, 3 no database, 4 nothing is recorded about it.
    """
    from visto.cli.local import opened
    from workflows.journal.explain import explain as told
    from workflows.journal.read import timeline
    from workflows.store.repositories import principals

    with opened() as local:
        where = namespace or local.settings.namespace
        entries = local.db.read_sync(lambda tx: timeline(tx, local.journal.keyring, where, execution))
        names = local.db.read_sync(lambda tx: {one.id: one.name for one in principals.list_principals(tx, where)})
    if not entries:
        raise _nothing(f"Nothing is recorded about the execution {execution}.")
    named = [replace(one, actor_id=_who(names, one.actor_id)) for one in entries]
    lines = told(named, full=full or as_json)
    if as_json:
        emit(lines)
    else:
        say("\n".join(lines))


@app.command()
def show(
    gate: Annotated[str, typer.Argument(help="The gate's id.", metavar="GATE")],
    as_seen: Annotated[bool, typer.Option("--as-seen", help="The very bytes that were shown and hashed.")] = False,
    revision: Annotated[int, typer.Option(min=1, help="Which revision.")] = 1,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Show what reviewers of a gate were shown.

    Example: visto audit show 0192f0c1-... --as-seen | sha256sum

    Exit codes: 0 shown, 3 no database, 4 no such gate, or its content was erased.
    """
    import json

    from visto.cli.local import opened
    from workflows.journal.read import as_seen as seen

    with opened() as local:
        where = namespace or local.settings.namespace
        document = local.db.read_sync(lambda tx: seen(tx, local.journal.keyring, where, gate, revision))
    if not isinstance(document, str):
        raise _nothing("content: erased")
    if as_json:
        emit({"view": json.loads(document), "action_digest": hashlib.sha256(document.encode()).hexdigest()})
    elif as_seen:
        sys.stdout.write(document)
    else:
        say(json.dumps(json.loads(document), ensure_ascii=False, indent=2))


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="The archive to write (.tar.gz).")],
    execution: Annotated[str | None, typer.Option(help="Only this execution.")] = None,
    contents: Annotated[bool, typer.Option("--contents", help="With contents in clear: handle it with care.")] = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Write records into an archive that anybody can verify without the database.

    Example: visto audit export march.tar.gz --contents

    Exit codes: 0 written, 1 the file cannot be written, 3 no database.
    """
    from visto.cli.local import opened
    from workflows.journal.export import export as write

    with opened() as local:
        where = namespace or local.settings.namespace
        keyring = local.journal.keyring if contents else None
        try:
            manifest = local.db.read_sync(lambda tx: write(tx, keyring, where, target, execution_id=execution))
        except OSError as error:
            raise CommandError(
                f"{target} cannot be written: {error.strerror}.", remedy="Choose another place."
            ) from error
    if as_json:
        emit(manifest)
    else:
        say(f"{target}: {manifest['events']} records. Verify it with: visto audit verify {target}")


@app.command()
def erase(
    subject: Annotated[str, typer.Argument(help="execution:ID or person:ID.")],
    legal_basis: Annotated[str, typer.Option(help="Why it must be erased; stays in the record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Erase what is known about a subject; the chain stays whole. This cannot be undone.

    Example: visto audit erase person:0192f0c1-... --legal-basis "GDPR 17, request of 3 May"

    Exit codes: 0 erased, 1 not confirmed, 3 no database, 4 nothing is kept about it.
    """
    from visto.cli.local import opened
    from workflows.journal.erase import erase as destroy

    if not yes:
        typer.confirm(f"Erase every content about {subject}, for ever?", abort=True, err=True)
    with opened() as local:
        where = namespace or local.settings.namespace
        done = local.db.write_sync(
            lambda tx: destroy(tx, local.journal, where, subject, by=None, via="cli", legal_basis=legal_basis)
        )
    if as_json:
        emit({"subject": subject, "contents": done.contents, "event": done.event_id})
    else:
        note("Backups made before hold what was erased.")
        say(f"Erased {done.contents} contents about {subject}.")


def _who(names: Mapping[str, str], actor: str | None) -> str | None:
    """The name before the id, on one line; ids that are nobody's (any more) stand alone."""
    name = " ".join(names.get(actor, "").split()) if actor else ""
    return f"{name} ({actor})" if name else actor


def _nothing(message: str) -> CommandError:
    return CommandError(message, exit_code=Exit.REFUSED, code="not_found", remedy="Check the id and the namespace.")
