"""Any other byte-level `tokenizer.json`, served by fastokens, which gives the ids of Hugging Face
tokenizers at several times its speed. From 64 KiB on it starts a thread, and that is how many it
is allowed."""

import os

import numpy as np
import pyarrow as pa

from stages.kernels.arrow import Offsets, utf8_buffers
from stages.kernels.bpe.encoder import Ids

THREADS = ("RAYON_NUM_THREADS", "FASTOKENS_BPE_THREADS")


class LibraryEngine:
    """Encodes with fastokens."""

    parts_at_line_ends = False
    """It may be so, but nobody knows of any tokenizer."""

    def __init__(self, tokenizer_json: bytes) -> None:
        """ValueError if the library cannot read it."""
        for variable in THREADS:
            os.environ.setdefault(variable, "1")
        import fastokens  # noqa: PLC0415 - not needed for the default vocabulary

        self._engine = fastokens.Tokenizer.from_json_str(tokenizer_json.decode())
        self.vocabulary_size: int = self._engine.vocab_size

    def encode(self, texts: pa.Array) -> tuple[Offsets, Ids]:
        """n + 1 offsets and the ids of all texts."""
        starts, data = utf8_buffers(texts)
        encoded = [
            self._engine.encode_batch_flat([data[start:end].tobytes().decode()], False, True)[0]
            for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        ]
        ids = np.frombuffer(b"".join(encoded), np.uint32)
        sizes = np.array([len(one) for one in encoded], np.int64) // ids.itemsize
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), ids

    def decode(self, ids: Ids) -> str:
        """The text of ids; bytes that are no UTF-8 become U+FFFD."""
        text: str = self._engine.decode(ids.tolist())
        return text

    def token_id(self, token: str) -> int | None:
        """The id of a token by its string, None without one."""
        found: int | None = self._engine.token_to_id(token)
        return found
