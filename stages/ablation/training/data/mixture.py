"""Documents in the proportion of the mixture's weights, in streams that any rank can own.

The data is read in a fixed number of *streams*. Stream s of S takes, of each source, the units
s, s + S, s + 2S … of an endless sequence: the units in one random order, then in another, and so
on; each turn is an epoch. A rank owns whole streams, as many as the others; nothing a stream yields
depends on who reads it, so the global batch is the same for any number of ranks.

A stream stays in one document until it is through, so a batch has no more documents at a time than
there are streams. Where the batch is small there are more streams than sequences in it, and the
batches take turns among them: else a few long documents would fill a short run.

After every document the stream turns to the source that is furthest behind its weight, in tokens.
That keeps the mixture within one document at every moment; drawing sources at random would keep it
only on average. A new stream begins as if it had been read for ever: inside a document of one
source, which as many streams begin in as it has weight, and ahead in all others by a part of one.
So the shares also hold in a run that is short beside its documents (to a few hundredths where
lengths differ much). Were all sources at 0, the first documents would have every source as often as
any other; were no stream inside a document, files of ten lines would fill such a run before whole
repositories came: 1 to 9 % of code where its weight was 50 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import xxhash

from stages.ablation.training.data.fim import Ids
from stages.ablation.training.data.shards import RowGroup, ShardSource

GOLDEN_STEP = 0x9E37_79B9_7F4A_7C15
"""2⁶⁴ over the golden ratio."""


@dataclass(frozen=True)
class Document:
    """One row of a shard."""

    source: int
    """Number of the source, in order of name."""
    sample_id: bytes
    epoch: int
    tokens: Ids


class Cursor:
    """A stream's place in one source: how many units it has begun, and the row in its unit."""

    def __init__(
        self, source: ShardSource, stream: int, n_streams: int, seed: int, unit: int, row: int
    ) -> None:
        self.source = source
        self.unit = unit
        self.row = row
        self._stream = stream
        self._n_streams = n_streams
        self._seed = seed
        self._order: tuple[int, list[int]] = (-1, [])
        self._group: RowGroup | None = None
        self._index = 0
        self._settle()

    @property
    def epoch(self) -> int:
        """Turns of the whole source before this unit."""
        return self._place // len(self.source.units)

    def document(self) -> tuple[bytes, Ids]:
        """The row at the cursor."""
        assert self._group is not None
        start, end = self._group.offsets[self._index : self._index + 2]
        return self._group.sample_ids[self._index], self._group.tokens[start:end]

    def advance(self) -> None:
        """Go to the next row that can be trained on."""
        self.row += 1
        self._settle()

    @property
    def _place(self) -> int:
        return self._stream + self.unit * self._n_streams

    def _settle(self) -> None:
        """Move `unit` and `row` to the first usable row at or after them."""
        for tries in count(1):
            unit = self.source.units[self._unit_number()]
            if self._group is None:
                self._group = self.source.load(unit)
            rows = self._group.rows
            self._index = int(np.searchsorted(rows, unit.first + self.row))
            if self._index < len(rows) and rows[self._index] < unit.first + unit.n_rows:
                self.row = int(rows[self._index]) - unit.first
                return
            self.unit, self.row, self._group = self.unit + 1, 0, None
            if tries == len(self.source.units):
                self.source.require_rows()

    def _unit_number(self) -> int:
        n_units = len(self.source.units)
        epoch, index = divmod(self._place, n_units)
        if self._order[0] != epoch:
            key = f"{self._seed} {self.source.name} {epoch} "
            marks = [_mark(f"{key}{unit}") for unit in range(n_units)]
            self._order = epoch, sorted(range(n_units), key=marks.__getitem__)
        return self._order[1][index]


class Stream:
    """One part of the data: an endless sequence of documents."""

    def __init__(
        self,
        sources: Sequence[ShardSource],
        weights: Sequence[float],
        number: int,
        n_streams: int,
        seed: int,
        position: Mapping[str, Any] | None = None,
    ) -> None:
        self.number = number
        self._weights = weights
        self._cursors = []
        self._drawn = []
        for source in sources:
            place = position["sources"][source.name] if position else {"unit": 0, "row": 0}
            cursor = Cursor(source, number, n_streams, seed, place["unit"], place["row"])
            self._cursors.append(cursor)
            self._drawn.append(place["tokens"] if position else _phase(cursor, number, seed))
        self.begun = 0.0
        """How much of its first document a new stream has behind it, as a share."""
        if position is None and len(sources) > 1:
            self._drawn[_first(weights, number, seed)] = 0
            self.begun = _mark(f"{seed} {number} begun") / (1 << 64)

    def document(self) -> Document:
        """The document at the stream's place; the same until `advance`."""
        number = self._current()
        cursor = self._cursors[number]
        sample_id, tokens = cursor.document()
        return Document(number, sample_id, cursor.epoch, tokens)

    def advance(self, n_tokens: int) -> None:
        """Leave the document at the stream's place, which counted as `n_tokens`."""
        number = self._current()
        self._drawn[number] += n_tokens
        self._cursors[number].advance()

    def position(self) -> dict[str, Any]:
        """Where the stream is, for JSON; a Stream made with it goes on from here."""
        return {
            "sources": {
                cursor.source.name: {"unit": cursor.unit, "row": cursor.row, "tokens": drawn}
                for cursor, drawn in zip(self._cursors, self._drawn, strict=True)
            }
        }

    def _current(self) -> int:
        sources = range(len(self._drawn))
        behind: int = min(sources, key=lambda n: self._drawn[n] / self._weights[n])
        return behind


def _phase(cursor: Cursor, stream: int, seed: int) -> int:
    """How much of a document like its first a new stream is ahead in a source, in tokens."""
    _, tokens = cursor.document()
    return 1 + (len(tokens) * _mark(f"{seed} {cursor.source.name} {stream} phase") >> 64)


def _first(weights: Sequence[float], stream: int, seed: int) -> int:
    """The source that a stream begins in. Golden steps spread any number of streams evenly."""
    place = (_mark(f"{seed} first") + stream * GOLDEN_STEP) % (1 << 64) / (1 << 64)
    shares = np.cumsum(weights) / np.sum(weights)
    return int(np.searchsorted(shares[:-1], place, side="right"))


def _mark(key: str) -> int:
    return xxhash.xxh3_64_intdigest(key.encode())
