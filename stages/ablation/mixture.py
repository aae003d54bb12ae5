"""Documents in the proportion of the mixture's weights, in streams that any rank can own.

The data is read in a fixed number of *streams*. Stream s of S takes, of each source, the units
s, s + S, s + 2S … of an endless sequence: the units in one random order, then in another, and so
on; each turn is an epoch. A rank owns S / ranks streams, whole; nothing a stream yields depends on
who reads it, so the global batch is the same for any number of ranks.

After every document the stream turns to the source that is furthest behind its weight, in tokens.
That keeps the mixture within one document at every moment; drawing sources at random would keep it
only on average.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import xxhash

from stages.ablation.fim import Ids
from stages.ablation.shards import RowGroup, ShardSource


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
            marks = [xxhash.xxh3_64_intdigest(f"{key}{unit}".encode()) for unit in range(n_units)]
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
        places = position["sources"] if position else {}
        fresh = {"unit": 0, "row": 0, "tokens": 0}
        starts = [places.get(source.name, fresh) for source in sources]
        self._drawn = [start["tokens"] for start in starts]
        self._cursors = [
            Cursor(source, number, n_streams, seed, start["unit"], start["row"])
            for source, start in zip(sources, starts, strict=True)
        ]
        # streams begin with different sources, else a first batch would be of one source alone
        turn = number % len(sources)
        self._turns = [*range(turn, len(sources)), *range(turn)]

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
        return min(self._turns, key=lambda number: self._drawn[number] / self._weights[number])
