"""The connection to Chroma: a server by URL, or embedded behind a lock file; failures in words with a remedy."""

from __future__ import annotations

import ipaddress
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from rag.model import KnowledgeError, KnowledgeUnavailable
from rag.settings import KnowledgeSettings

if TYPE_CHECKING:
    from pathlib import Path

    from chromadb.api import ClientAPI

_PROBE_SECONDS = 5.0


class Chroma:
    """One lazily made client, shared by threads. A server that was restarted is found again by itself."""

    def __init__(self, settings: KnowledgeSettings) -> None:
        self._settings = settings
        self._client: ClientAPI | None = None
        self._guard = threading.Lock()
        self._file_lock: FolderLock | None = None

    @property
    def place(self) -> str:
        return self._settings.chroma_url or str(self._settings.chroma_path)

    @contextmanager
    def session(self) -> Iterator[ClientAPI]:
        """A client for a few calls. Whatever goes wrong between us and Chroma becomes a ``KnowledgeError``."""
        import httpx
        from chromadb.errors import ChromaError

        try:
            yield self._connected()
        except KnowledgeError:
            raise
        except (httpx.TransportError, ConnectionError) as error:
            raise self._unavailable(type(error).__name__) from error
        except ChromaError as error:
            raise _from_chroma(error, self.place) from error
        except Exception as error:
            # Chroma's client raises the bare class for an answer that is not Chroma's (a proxy's 502, say).
            if type(error) is Exception:
                raise self._unavailable(f"answer not understood: {str(error)[:200]!r}") from error
            raise

    def close(self) -> None:
        """Let go of the client, its connections and the folder's lock."""
        with self._guard:
            client, self._client = self._client, None
            if client is not None:
                if self._settings.chroma_url:
                    for part in (client, client._admin_client):  # noqa: SLF001
                        _http(part).close()
                client.close()
            if self._file_lock is not None:
                self._file_lock.release()
                self._file_lock = None

    def _connected(self) -> ClientAPI:
        with self._guard:
            if self._client is None:
                self._client = self._over_http() if self._settings.chroma_url else self._embedded()
            return self._client

    def _over_http(self) -> ClientAPI:
        import chromadb
        from chromadb.config import Settings

        url = urlsplit(self._settings.chroma_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise KnowledgeError(
                f"{self._settings.chroma_url!r} is not the address of a Chroma server.",
                remedy="Set VISTO_CHROMA_URL to something like http://127.0.0.1:8000.",
            )
        token = self._settings.chroma_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._probe(url, headers)
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            client = chromadb.HttpClient(
                host=url.hostname,
                port=port,
                ssl=url.scheme == "https",
                headers=dict(headers),
                settings=Settings(anonymized_telemetry=False),
            )
        except ValueError as error:  # what its constructor raises for a server that went away after our probe
            raise self._unavailable(str(error)) from error
        # Chroma's client waits for ever by default, and has no setting for it.
        _http(client).timeout = self._settings.chroma_timeout.total_seconds()
        return client

    def _probe(self, url: SplitResult, headers: dict[str, str]) -> None:
        """Chroma has no access control of its own: beyond this machine something must ask for a token."""
        import httpx

        address = f"{url.scheme}://{url.netloc}/api/v2/heartbeat"
        try:
            answer = httpx.get(address, headers=headers, timeout=_PROBE_SECONDS)
            open_to_all = not _is_loopback(url.hostname or "") and httpx.get(address, timeout=_PROBE_SECONDS).is_success
        except httpx.HTTPError as error:
            raise self._unavailable(type(error).__name__) from error
        if not answer.is_success:
            raise self._unavailable(f"status {answer.status_code}")
        if open_to_all and not self._settings.chroma_trusted_network:
            raise KnowledgeError(
                f"The Chroma server at {self.place} answers anybody who can reach it.",
                remedy="Put a proxy that asks for VISTO_CHROMA_TOKEN before it, or, if nobody else can reach that"
                " network, set VISTO_CHROMA_TRUSTED_NETWORK=true.",
            )

    def _embedded(self) -> ClientAPI:
        import chromadb
        from chromadb.config import Settings

        self._settings.chroma_path.mkdir(parents=True, exist_ok=True)
        if self._file_lock is None:
            self._file_lock = FolderLock(self._settings.chroma_path)
        return chromadb.PersistentClient(
            path=str(self._settings.chroma_path), settings=Settings(anonymized_telemetry=False)
        )

    def _unavailable(self, why: str) -> KnowledgeUnavailable:
        return KnowledgeUnavailable(
            f"The knowledge store at {self.place} does not answer ({why}).",
            remedy="Start it (`visto dev`, or `chroma run`), or correct VISTO_CHROMA_URL.",
        )


class FolderLock:
    """Holds a folder for this process: two embedded Chromas on one folder lose each other's writes."""

    def __init__(self, folder: Path) -> None:
        import fcntl

        self._descriptor = os.open(folder / "visto.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise KnowledgeUnavailable(
                f"Another process uses the knowledge store in {folder}.",
                remedy="Stop it, or let both use a server: set VISTO_CHROMA_URL.",
            ) from error

    def release(self) -> None:
        os.close(self._descriptor)


def _http(client: Any) -> Any:
    """The HTTP session inside Chroma's client, whose time limit and closing it leaves to nobody."""
    return client._server._session  # noqa: SLF001


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_chroma(error: Any, place: str) -> KnowledgeError:
    message = f"The knowledge store at {place} refused the request ({type(error).__name__}: {error})."
    if error.code() >= 500 or error.code() == 429:  # noqa: PLR2004
        return KnowledgeUnavailable(message, remedy="Try again; if it stays, look at Chroma's log.")
    return KnowledgeError(message, remedy="Look at Chroma's log.")
