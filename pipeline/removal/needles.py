"""What must not be found any more of purged documents, and a search for all of it at once.

A needle is a string of bytes: an identity (raw and as digits), an address, a text, a text's tokens
as they are stored. Of long ones a window of 64 bytes is kept with the hash of the whole, so that
a purge keeps no copy of what it purges. Eight bytes of each window are looked up at every place of
a buffer, all needles together; what is found is compared in whole. Cost: about 10 ns a byte.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.storage.digest import bytes_digest

IDENTITY, ADDRESS, TEXT, TOKENS = KINDS = ("identity", "address", "text", "tokens")
WINDOW = 64
ANCHOR = 8
MIN_BYTES = {IDENTITY: 16, ADDRESS: ANCHOR, TEXT: WINDOW, TOKENS: WINDOW}
"""Shorter ones are no evidence: a text `{}` is anybody's."""

NEEDLES = pa.schema(
    [
        pa.field("kind", pa.string()),
        pa.field("doc_id", pa.binary(16)),
        pa.field("window", pa.binary()),
        pa.field("start", pa.int64()),
        pa.field("n_bytes", pa.int64()),
        pa.field("xxh3", pa.string()),
    ]
)


@dataclass(frozen=True)
class Needle:
    """A window of what is looked for, where it begins in the whole, and the whole's hash."""

    kind: str
    doc_id: bytes
    window: bytes
    start: int
    n_bytes: int
    xxh3: str


def needle(kind: str, doc_id: bytes, whole: bytes) -> Needle | None:
    """The needle for a string of bytes; None for one too short to tell anything."""
    if len(whole) < MIN_BYTES[kind]:
        return None
    start = max(0, (len(whole) - WINDOW) // 2) if kind in (TEXT, TOKENS) else 0
    window = whole[start : start + WINDOW] if kind in (TEXT, TOKENS) else whole
    return Needle(kind, doc_id, window, start, len(whole), bytes_digest(whole))


@dataclass
class Haystack:
    """Finds needles in buffers."""

    needles: list[Needle]
    _by_anchor: dict[int, list[Needle]] = field(init=False)
    _anchors: np.ndarray = field(init=False)
    _low: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._by_anchor = {}
        for one in self.needles:
            anchor = int.from_bytes(one.window[-ANCHOR:], "little")
            self._by_anchor.setdefault(anchor, []).append(one)
        self._anchors = np.array(sorted(self._by_anchor), np.uint64)
        self._low = np.zeros(1 << 16, bool)
        self._low[(self._anchors & np.uint64(0xFFFF)).astype(np.int64)] = True

    def find(self, data: memoryview | bytes) -> Iterator[tuple[int, Needle]]:
        """Where each needle begins in the buffer."""
        buffer = np.frombuffer(data, np.uint8)
        if not len(self._anchors):
            return
        for shift in range(ANCHOR):
            words = buffer[shift:]
            words = words[: len(words) // ANCHOR * ANCHOR].view("<u8")
            likely = np.flatnonzero(self._low[(words & np.uint64(0xFFFF)).astype(np.int64)])
            places = np.searchsorted(self._anchors, words[likely])
            places[places == len(self._anchors)] = 0
            for index in likely[self._anchors[places] == words[likely]].tolist():
                end = shift + index * ANCHOR + ANCHOR
                yield from self._whole(buffer, end, int(words[index]))

    def _whole(self, buffer: np.ndarray, end: int, anchor: int) -> Iterator[tuple[int, Needle]]:
        for one in self._by_anchor[anchor]:
            window = end - len(one.window)
            start = window - one.start
            if start < 0 or start + one.n_bytes > len(buffer):
                continue
            if buffer[window:end].tobytes() == one.window and (
                one.n_bytes == len(one.window)
                or bytes_digest(buffer[start : start + one.n_bytes].tobytes()) == one.xxh3
            ):
                yield start, one


def to_table(needles: Iterable[Needle]) -> pa.Table:
    """Needles as they are kept while a purge is at work."""
    return pa.Table.from_pylist([vars(one) for one in needles], schema=NEEDLES)


def from_table(table: pa.Table) -> list[Needle]:
    """What `to_table` gave."""
    return [Needle(**row) for row in table.to_pylist()]
