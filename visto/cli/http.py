"""The API as the commands use it: where it is, with which key, and its problems as this command's errors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from visto.cli.errors import CommandError, Exit
from visto.supervisor.state import KEY, running

TIMEOUT_S = 30.0
PAGE = 200
_SERVER_ERRORS = 500
_WRONG_KEY = "Set VISTO_API_KEY to a valid key; an admin makes one with `visto people key NAME`."


class Api:
    """A client of one installation. Every method returns parsed JSON and raises ``CommandError``."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "visto-cli"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
        self.url = url

    @classmethod
    def find(cls) -> Api:
        """Use ``VISTO_URL`` and ``VISTO_API_KEY``, else the stack that ``visto dev`` runs on this home."""
        home = Path(os.environ.get("VISTO_HOME", ".visto")).absolute()
        url, key = os.environ.get("VISTO_URL"), os.environ.get("VISTO_API_KEY")
        state = None if url else running(home)
        url = url or (state.urls.get("api") if state else None)
        if not url:
            raise CommandError(
                f"No Visto runs on {home}.",
                exit_code=Exit.UNREACHABLE,
                code="not_running",
                remedy="Start one with `visto dev`, or set VISTO_URL and VISTO_API_KEY.",
            )
        return cls(url, key or _dev_key(home))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, timeout: float | None = None, **query: Any) -> Any:
        """GET with query parameters; those that are ``None`` are left out."""
        params = {name: value for name, value in query.items() if value is not None}
        return self._send("GET", path, params=params, timeout=timeout or TIMEOUT_S)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """POST a JSON body."""
        return self._send("POST", path, json={} if body is None else body, headers=dict(headers or {}))

    def put(self, path: str, body: Any) -> Any:
        """PUT a JSON body."""
        return self._send("PUT", path, json=body)

    def delete(self, path: str, **query: Any) -> Any:
        """DELETE, with query parameters."""
        return self._send("DELETE", path, params={name: value for name, value in query.items() if value is not None})

    def pages(self, path: str, limit: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """Items of a listing, page by page, at most ``limit``."""
        cursor, left = None, limit
        while True:
            size = PAGE if left is None else min(PAGE, left)
            answer = self.get(path, cursor=cursor, limit=size, **query)
            yield from answer["items"]
            cursor = answer.get("next_cursor")
            left = None if left is None else left - len(answer["items"])
            if not cursor or left == 0:
                return

    def _send(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._client.request(method, f"/api/v1{path}", **more)
        except httpx.TimeoutException as error:
            raise CommandError(
                f"{self.url} did not answer in time.",
                exit_code=Exit.UNREACHABLE,
                code="timeout",
                remedy="Try again; `visto doctor` shows what runs.",
            ) from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise CommandError(
                f"{self.url} cannot be reached.",
                exit_code=Exit.UNREACHABLE,
                code="unreachable",
                remedy="Check that it runs (`visto doctor`) and that VISTO_URL is right.",
            ) from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise problem(answer)


def segment(text: str) -> str:
    """Quote an id that goes into a path."""
    return quote(text, safe="")


def problem(answer: httpx.Response) -> CommandError:
    """Turn an ``application/problem+json`` answer into an error with the same words."""
    try:
        found = answer.json()
        detail = str(found["detail"])
    except (ValueError, KeyError, TypeError):
        found, detail = {}, f"The answer was {answer.status_code} {answer.reason_phrase}."
    more = {name: found[name] for name in ("fields", "diagnostics", "context") if found.get(name)}
    code = Exit.UNREACHABLE if answer.status_code >= _SERVER_ERRORS else Exit.REFUSED
    return CommandError(
        detail,
        exit_code=code,
        remedy=_WRONG_KEY if found.get("code") == "invalid_key" else str(found.get("remedy", "")),
        code=str(found.get("code", "http_error")),
        detail=more,
    )


def _dev_key(home: Path) -> str:
    try:
        return (home / KEY).read_text(encoding="ascii").strip()
    except OSError as error:
        raise CommandError(
            f"There is no API key in {home / KEY}.",
            exit_code=Exit.USAGE,
            code="no_key",
            remedy="Set VISTO_API_KEY; an admin makes one with `visto people key NAME`.",
        ) from error
