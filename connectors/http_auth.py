"""How a connection of type ``http`` signs its requests: ``auth: bearer``, ``basic`` or ``header``."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from pydantic import SecretStr

from connectors.base import Connection, ConnectorError

_NEEDS = {"none": (), "bearer": ("token",), "basic": ("username", "password"), "header": ("value",)}


def credentials(connection: Connection | None) -> Mapping[str, SecretStr]:
    """The headers that the connection adds to a request. Raises ``ConnectorError`` naming what is missing."""
    if connection is None:
        return {}
    kind = str(connection.config.get("auth", "none"))
    if kind not in _NEEDS:
        raise _incomplete(connection, f"auth: {kind} is not known", f"Use one of: {', '.join(_NEEDS)}.")
    for name in _NEEDS[kind]:
        if name not in connection.secrets:
            raise _incomplete(connection, f"auth: {kind} needs the secret {name!r}", f"Add {name} to its secrets.")
    held = {name: connection.secrets[name].get_secret_value() for name in _NEEDS[kind]}
    if any(not value.isprintable() for value in held.values()):
        raise _incomplete(connection, "a secret has line breaks or control characters", "Store it again without them.")
    if kind == "bearer":
        return {"Authorization": SecretStr(f"Bearer {held['token']}")}
    if kind == "basic":
        pair = f"{held['username']}:{held['password']}".encode()
        return {"Authorization": SecretStr(f"Basic {base64.b64encode(pair).decode()}")}
    if kind == "header":
        return {str(connection.config.get("header", "X-Api-Key")): SecretStr(held["value"])}
    return {}


def _incomplete(connection: Connection, problem: str, remedy: str) -> ConnectorError:
    return ConnectorError(
        f"The connection {connection.name!r} is not complete: {problem}.",
        code="connection",
        permanent=True,
        remedy=remedy,
    )
