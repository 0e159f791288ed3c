"""Secret references become secrets here, inside the activity and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.connections import Secrets

KEY = "$secret"
Json = Any


def resolved(value: Json, secrets: Secrets, namespace: str) -> Json:
    """Replace every reference in ``value`` by its text. The result goes to a connector and to no one else.

    Raises ``ConnectorError`` that names a missing secret.
    """
    if isinstance(value, Mapping):
        if set(value) == {KEY}:
            return "".join(_part(part, secrets, namespace) for part in value[KEY])
        return {key: resolved(child, secrets, namespace) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(child, secrets, namespace) for child in value]
    return value


def _part(part: Json, secrets: Secrets, namespace: str) -> str:
    return part if isinstance(part, str) else secrets.get(namespace, part["name"]).get_secret_value()
