"""Megatron-LM's indexed dataset: token ids one after another (.bin), and where each begins (.idx).

Source: `megatron/core/datasets/indexed_dataset.py` of megatron-core. All numbers of an index are
little-endian, without padding:

    9 bytes   "MMIDIDX", two zero bytes
    uint64    version, 1
    uint8     type of a token: 8 is uint16, 4 is int32
    uint64    n, the number of sequences
    uint64    number of document indices that follow, n + 1 here
    int32     n lengths in tokens
    int64     n places in the .bin, in bytes
    int64     document indices: the sequences at which documents begin, and n

Here a document is one sequence, a row of the shards. The lengths wait in an unnamed file, so memory
does not grow with the rows.
"""

import struct
import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from pipeline.export.files import TokenType, settle, token_type
from pipeline.export.samples import Samples, Target

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
CODES: dict[TokenType, int] = {np.uint16: 8, np.int32: 4}
CHUNK = 1 << 20
"""Lengths held at once while the index is written."""


class MegatronWriter:
    """Writes STEM.bin and STEM.idx."""

    def __init__(self, target: Target) -> None:
        self._dtype = token_type(target.vocabulary_size)
        self._index = target.path(".idx")
        self._tokens = target.path(".bin").open("xb")
        self._lengths = tempfile.TemporaryFile(dir=target.stem.parent)  # noqa: SIM115
        self._n = 0

    def write(self, samples: Samples) -> None:
        """Append the tokens, remember the lengths."""
        self._tokens.write(samples.tokens.astype(self._dtype).data)
        self._lengths.write(np.diff(samples.offsets).astype("<i4").data)
        self._n += len(samples.offsets) - 1

    def close(self) -> None:
        """Write the index; make both files durable."""
        with self._tokens, self._lengths, self._index.open("xb") as index:
            index.write(
                MAGIC + struct.pack("<QBQQ", VERSION, CODES[self._dtype], self._n, self._n + 1)
            )
            for lengths in self._chunks():
                index.write(lengths.data)
            place = 0
            for lengths in self._chunks():
                ends = place + np.cumsum(lengths, dtype=np.int64) * self._dtype().itemsize
                index.write(np.concatenate([[place], ends[:-1]]).astype("<i8").data)
                place = int(ends[-1])
            for first in range(0, self._n + 1, CHUNK):
                index.write(np.arange(first, min(first + CHUNK, self._n + 1), dtype="<i8").data)
            for stream in (self._tokens, index):
                settle(stream)

    def _chunks(self) -> Iterator[npt.NDArray[np.int32]]:
        self._lengths.seek(0)
        while data := self._lengths.read(CHUNK * 4):
            yield np.frombuffer(data, "<i4")
