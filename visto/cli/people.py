"""``visto people``: people, groups, keys and ways to sign in, straight in the database (its owner is the operator)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from visto.cli.errors import CommandError, Exit
from visto.cli.output import Json, emit, note, say, table
from visto.cli.people_find import Name, Namespace, find
from visto.cli.people_sign_in import link, password

if TYPE_CHECKING:
    from visto.cli.local import Local
    from workflows.store.db import Tx
    from workflows.store.repositories.principals import Principal

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Add people and groups, and give access.", rich_markup_mode=None
)
app.command()(password)
app.command()(link)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="The person's name.")],
    email: Annotated[str | None, typer.Option(help="Their e-mail address.")] = None,
    role: Annotated[list[str], typer.Option(help="viewer, author, reviewer, admin or auditor; may be repeated.")] = [],  # noqa: B006
    group: Annotated[list[str], typer.Option(help="A group, made if need be; may be repeated.")] = [],  # noqa: B006
    service: Annotated[bool, typer.Option("--service", help="A program, which never counts as a person.")] = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Add a person (or a program), with roles and groups.

    Example: visto people add "Ana Ruiz" --email ana@example.com --role reviewer --group fraud

    Exit codes: 0 added, 2 no such role, 3 no database, 4 that person exists.
    """
    from visto.cli.local import opened

    _check_roles(role)
    with opened() as local:
        where = namespace or local.settings.namespace
        made = local.db.write_sync(lambda tx: _add(tx, local, where, name, email, role, group, service=service))
    emit({"id": made.id, "name": made.name, "email": made.email}) if as_json else say(f"Added {made.name} ({made.id}).")


@app.command("list")
def list_(namespace: Namespace = None, as_json: Json = False) -> None:
    """List people and programs with their roles, groups and ways to sign in.

    Example: visto people list

    Exit codes: 0 listed, 3 no database.
    """
    from visto.cli.local import opened
    from workflows.store.repositories import principals

    with opened() as local:
        where = namespace or local.settings.namespace
        known = local.db.read_sync(
            lambda tx: [_described(tx, where, one.id) for one in principals.list_principals(tx, where)]
        )
    if as_json:
        emit(known)
        return
    lists = ("roles", "groups", "sign_in")
    rows = [(one["name"], one["kind"], one["email"], *(" ".join(one[name]) for name in lists)) for one in known]
    say(table(("NAME", "KIND", "E-MAIL", "ROLES", "GROUPS", "SIGNS IN BY"), rows))


@app.command()
def key(
    name: Name,
    scope: Annotated[list[str], typer.Option(help="What the key may do; may be repeated.")] = ["admin"],  # noqa: B006
    label: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Make an API key for somebody and print it once.

    Example: visto people key ana@example.com --scope gates:read --scope gates:decide

    Exit codes: 0 made, 3 no database, 4 no such person.
    """
    from visto.cli.local import opened
    from workflows.store.repositories import keys

    with opened() as local:
        where = namespace or local.settings.namespace

        def make(tx: Tx) -> keys.NewKey:
            made = keys.create(tx, where, find(tx, where, name).id, label, scope)
            _journal(tx, local, where, {"what": "key", "key": made.key.id, "scopes": scope}, {"for": name})
            return made

        made = local.db.write_sync(make)
    if as_json:
        emit({"id": made.key.id, "secret": made.secret})
    else:
        note("This is shown once; keep it like a password.")
        say(made.secret)


@app.command()
def group(
    group: Annotated[str, typer.Argument(help="The group, made if need be.")],
    members: Annotated[list[str], typer.Argument(help="Names or e-mail addresses.", metavar="MEMBER...")] = [],  # noqa: B006
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Make a group and add members to it.

    Example: visto people group fraud ana@example.com "Local developer"

    Exit codes: 0 done, 3 no database, 4 no such person (nobody was added).
    """
    from visto.cli.local import opened
    from workflows.store.repositories import principals

    with opened() as local:
        where = namespace or local.settings.namespace

        def change(tx: Tx) -> list[str]:
            principals.create_group(tx, where, group)
            for member in members:
                principals.add_member(tx, where, group, find(tx, where, member).id)
            _journal(tx, local, where, {"what": "group", "group": group}, {"members": members})
            return [one.name for one in principals.members(tx, where, group)]

        names = local.db.write_sync(change)
    emit({"group": group, "members": names}) if as_json else say(f"{group}: {', '.join(names) or 'nobody yet'}")


def _described(tx: Tx, namespace: str, principal_id: str) -> dict[str, Any]:
    from workflows.store.repositories import principals
    from workflows.usecases.sign_in_methods import methods_of

    profile = principals.profile(tx, namespace, principal_id)
    assert profile is not None  # it was listed in the same transaction
    one = profile.principal
    return {
        "id": one.id,
        "name": one.name,
        "kind": one.kind,
        "email": one.email,
        "disabled": one.disabled_at is not None,
        "roles": profile.roles,
        "groups": profile.groups,
        "sign_in": methods_of(tx, namespace, principal_id),
    }


def _check_roles(roles: list[str]) -> None:
    from workflows.store.repositories.principals import ROLES

    unknown = sorted(set(roles) - ROLES)
    if unknown:
        raise CommandError(
            f"There is no role {unknown[0]!r}.",
            exit_code=Exit.USAGE,
            code="usage",
            remedy=f"Roles are {', '.join(sorted(ROLES))}.",
        )


def _add(
    tx: Tx,
    local: Local,
    namespace: str,
    name: str,
    email: str | None,
    roles: list[str],
    groups: list[str],
    *,
    service: bool,
) -> Principal:
    from workflows.store.repositories import principals

    if service:
        made = principals.create_service(tx, namespace, name)
    else:
        made = principals.create_person(tx, namespace, name, email)
    for role in roles:
        principals.grant_role(tx, namespace, made.id, role)
    for one in groups:
        principals.create_group(tx, namespace, one)
        principals.add_member(tx, namespace, one, made.id)
    _journal(
        tx,
        local,
        namespace,
        {"what": "principal", "principal": made.id, "roles": roles, "groups": groups},
        {"name": name},
    )
    return made


def _journal(tx: Tx, local: Local, namespace: str, meta: dict[str, object], content: dict[str, object]) -> None:
    from workflows.journal.records import Record

    local.journal.append(tx, Record(namespace=namespace, kind="config.changed", via="cli", meta=meta, content=content))
