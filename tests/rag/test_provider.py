"""Embeddings over HTTP, against a real server that speaks the provider's protocol well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from rag.model import EmbeddingsRefused, KnowledgeUnavailable
from rag.provider import ProviderEmbedder
from rag.settings import KnowledgeSettings


class Provider(ThreadingHTTPServer):
    """Answers 4 numbers for each text, last text first; ``status`` and ``body`` replace the answer."""

    status, body = 200, b""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.requests.append((self.path, self.headers["Authorization"], asked))
        rows = [{"index": at, "embedding": [len(text), 1, 0, 2]} for at, text in enumerate(asked["input"])]
        self.send_response(server.status)
        self.end_headers()
        self.wfile.write(server.body or json.dumps({"data": rows[::-1]}).encode())

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def embedder(provider: Provider, **changes: Any) -> ProviderEmbedder:
    url = f"http://127.0.0.1:{provider.server_port}/v1/"
    return ProviderEmbedder(
        KnowledgeSettings(
            embeddings="openai", embeddings_url=url, embeddings_model="m1", embeddings_api_key="sk-secret", **changes
        )
    )


def test_vectors_come_back_in_order_with_length_one(provider: Provider) -> None:
    vectors = embedder(provider).embed(["a", "bb", "ccc"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert [round(float(row[0] / row[1])) for row in vectors] == [1, 2, 3]
    path, authorization, asked = provider.requests[0]
    assert (path, authorization) == ("/v1/embeddings", "Bearer sk-secret")
    assert (asked["model"], asked["input"]) == ("m1", ["a", "bb", "ccc"])


def test_many_texts_are_sent_in_batches(provider: Provider) -> None:
    assert embedder(provider).embed(["x"] * 300).shape == (300, 4)
    assert [len(asked["input"]) for *_, asked in provider.requests if asked["input"] != ["dimension"]] == [128, 128, 44]


def test_the_identity_names_the_model_and_its_dimension(provider: Provider) -> None:
    identity = embedder(provider).identity
    assert (identity.name, identity.dimension) == ("m1", 4)
    assert identity == embedder(provider).identity
    assert identity != embedder(provider, embeddings_dimensions=8).identity


@pytest.mark.parametrize("status", [429, 500, 503, 408])
def test_what_may_pass_is_not_permanent(provider: Provider, status: int) -> None:
    provider.status = status
    with pytest.raises(KnowledgeUnavailable, match=str(status)) as error:
        embedder(provider).embed(["a"])
    assert not error.value.permanent


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_permanent_names_the_settings_and_not_the_key(provider: Provider, status: int) -> None:
    provider.status = status
    with pytest.raises(EmbeddingsRefused, match="VISTO_EMBEDDINGS_API_KEY") as error:
        embedder(provider).embed(["a"])
    assert error.value.permanent
    assert "sk-secret" not in str(error.value)


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"data": []}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [0, 0, 0, 0]}]}',
        b'{"data": [{"index": 0, "embedding": [NaN, 1, 1, 1]}]}',
        b'{"data": [{"index": 0, "embedding": "text"}]}',
        b'{"data": [{"index": 0, "embedding": [1, 2, 3]}]}',
    ],
)
def test_what_is_not_a_vector_is_refused(provider: Provider, body: bytes) -> None:
    """Also a vector of another dimension than configured."""
    provider.body = body
    with pytest.raises(EmbeddingsRefused, match=r"The embeddings? provider sent|The provider sent"):
        embedder(provider, embeddings_dimensions=8).embed(["a"])


def test_a_provider_that_is_gone_is_not_permanent(provider: Provider) -> None:
    asked = embedder(provider)
    provider.shutdown()
    provider.server_close()
    with pytest.raises(KnowledgeUnavailable, match="did not answer"):
        asked.embed(["a"])
