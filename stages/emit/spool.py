"""Tokens that wait for the rest of their sample: in memory up to a limit, then on disk."""

import tempfile
from types import TracebackType
from typing import NamedTuple

import numpy as np

from stages.kernels.bpe.encoder import Ids

SPOOL_BYTES = 64 << 20
"""What stays in memory; one shard's tokens may be a gigabyte."""


class Spooled(NamedTuple):
    """Where the tokens of one document lie in the spool."""

    offset: int
    n_tokens: int


class TokenSpool:
    """Append-only storage of token arrays, gone when the `with` block ends."""

    def __init__(self, max_bytes: int = SPOOL_BYTES) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=max_bytes)  # noqa: SIM115
        self._end = 0

    def __enter__(self) -> "TokenSpool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, ids: Ids) -> Spooled:
        self._file.seek(self._end)
        self._file.write(ids.astype(np.uint32, copy=False).tobytes())
        place = Spooled(self._end, len(ids))
        self._end += ids.nbytes
        return place

    def read(self, place: Spooled) -> Ids:
        self._file.seek(place.offset)
        return np.frombuffer(self._file.read(place.n_tokens * 4), np.uint32)
