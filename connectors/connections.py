"""Named connections and secrets, resolved per namespace and environment inside an activity.

The mapping, usually ``connections.yaml``::

    sales:                              # namespace
      crm:                              # connection
        type: http
        config: {base_url: https://crm.example.com, auth: bearer}
        secrets: {token: CRM_TOKEN}     # looked up as VISTO_SECRET_CRM_TOKEN, or CRM_TOKEN in the secrets file
        environments:
          development: {config: {base_url: "http://127.0.0.1:9000", allow_private: true}}
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from connectors.base import Connection, ConnectorError

_SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Outline:
    """What anybody may know of a connection. ``host`` is where it leads, ``secrets`` are names, never values."""

    name: str
    type: str
    host: str | None
    environments: tuple[str, ...]
    secrets: tuple[str, ...]


class _Overlay(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    config: dict[str, Any] = Field(default_factory=dict)
    secrets: dict[str, str] = Field(default_factory=dict)


class _Definition(_Overlay):
    type: str
    environments: dict[str, _Overlay] = Field(default_factory=dict)


def _fail(message: str, remedy: str) -> NoReturn:
    raise ConnectorError(message, code="connection", permanent=True, remedy=remedy)


class Secrets:
    """Secrets from the environment, then from a file that only its owner can read.

    ``VISTO_SECRET_<NAMESPACE>__<NAME>`` belongs to one namespace (upper case, dots and hyphens as underscores) and
    comes first; ``VISTO_SECRET_<NAME>`` serves all. In the file, the same names without ``VISTO_SECRET_``.
    """

    def __init__(self, environ: Mapping[str, str], file: Path | None = None) -> None:
        prefix = "VISTO_SECRET_"
        self._values = _read_secrets(file) if file else {}
        self._values |= {
            name.removeprefix(prefix): SecretStr(value) for name, value in environ.items() if name.startswith(prefix)
        }

    def has(self, namespace: str, name: str) -> bool:
        """Whether ``get`` would find it."""
        try:
            self.get(namespace, name)
        except ConnectorError:
            return False
        return True

    def get(self, namespace: str, name: str) -> SecretStr:
        """Raises ``ConnectorError`` that names the secret, never a value."""
        if not _SECRET_NAME.fullmatch(name) or "__" in name:
            _fail(f"{name[:64]!r} is not a secret's name.", "Use capital letters, digits and single underscores.")
        own = f"{re.sub('[^A-Z0-9]', '_', namespace.upper())}__{name}"
        for candidate in (own, name):
            if candidate in self._values:
                return self._values[candidate]
        _fail(
            f"The secret {name} is not set for namespace {namespace!r}.",
            f"Set the environment variable VISTO_SECRET_{name}, or add {name}=... to the secrets file.",
        )


def _read_secrets(file: Path) -> dict[str, SecretStr]:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, encoding="utf-8") as source:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            _fail(f"The secrets file {file} can be read by others.", f"Run: chmod 600 {file}")
        lines = source.read().splitlines()
    values = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, equals, value = line.partition("=")
            if not equals or not _SECRET_NAME.fullmatch(name.strip()):
                _fail(f"{file}, line {number}: not a secret.", "Write NAME=value, with the name in capital letters.")
            values[name.strip()] = SecretStr(value.strip())
    return values


class ConnectionBook:
    """All connections of one environment. It is read at start-up; a mistake in it stops the start."""

    def __init__(self, mapping: Mapping[str, Any], *, environment: str, secrets: Secrets) -> None:
        self._environment = environment
        self._secrets = secrets
        self._definitions = {
            namespace: {str(name): _define(namespace, name, body) for name, body in (named or {}).items()}
            for namespace, named in mapping.items()
        }

    @classmethod
    def load(cls, file: Path, *, environment: str, secrets: Secrets) -> Self:
        """Read ``connections.yaml``; a file that does not exist holds no connections."""
        try:
            mapping = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except FileNotFoundError:
            mapping = {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            _fail(f"{file} is not readable as YAML: {str(error).splitlines()[0]}.", "Correct the file.")
        if not isinstance(mapping, dict) or not all(isinstance(named, dict | None) for named in mapping.values()):
            _fail(f"{file} is not a mapping of namespaces to connections.", "See the connections page of the manual.")
        return cls(mapping, environment=environment, secrets=secrets)

    def names(self, namespace: str) -> frozenset[str]:
        """The connections of a namespace; other namespaces' are not visible."""
        return frozenset(self._definitions.get(namespace, {}))

    def outlines(self, namespace: str) -> list[Outline]:
        """The connections of a namespace in this environment, by name, without anything secret."""
        return [self._outline(name, found) for name, found in sorted(self._definitions.get(namespace, {}).items())]

    def _outline(self, name: str, definition: _Definition) -> Outline:
        overlay = definition.environments.get(self._environment, _Overlay())
        config = definition.config | overlay.config
        host = urlsplit(str(config.get("base_url", ""))).hostname
        secrets = definition.secrets | overlay.secrets
        return Outline(name, definition.type, host, tuple(definition.environments), tuple(sorted(secrets.values())))

    def resolve(self, namespace: str, name: str) -> Connection:
        """Raises ``ConnectorError`` that names the connection and the remedy."""
        definition = self._definitions.get(namespace, {}).get(name)
        if definition is None:
            known = ", ".join(sorted(self.names(namespace))) or "none"
            _fail(
                f"There is no connection {name!r} in namespace {namespace!r}.",
                f"Add it to the connections file; known here: {known}.",
            )
        overlay = definition.environments.get(self._environment, _Overlay())
        references = definition.secrets | overlay.secrets
        try:
            secrets = {key: self._secrets.get(namespace, reference) for key, reference in references.items()}
        except ConnectorError as error:
            _fail(f"The connection {name!r} can not be used: {error}", error.remedy)
        return Connection(name, definition.type, definition.config | overlay.config, secrets)


def _define(namespace: str, name: object, body: object) -> _Definition:
    try:
        return _Definition.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (namespace, name, *first["loc"])))
        _fail(f"The connections file is wrong at {where}: {first['msg']}.", "Correct the file.")


def refuse_foreign_host(connection: Connection, host: str) -> None:
    """Secrets of a connection go to the hosts of ``base_url`` and ``hosts`` only; ``*.example.com`` means all below."""
    own = urlsplit(str(connection.config.get("base_url", ""))).hostname
    hosts = connection.config.get("hosts", [])
    allowed = {str(entry).lower() for entry in hosts} if isinstance(hosts, list) else set()
    allowed |= {own.lower()} if own else set()
    if host in allowed or any(entry.startswith("*.") and host.endswith(entry[1:]) for entry in allowed):
        return
    _fail(
        f"The connection {connection.name!r} may not be used with the host {host!r}.",
        "Add the host to `hosts` in the connection's configuration.",
    )
