"""Documents laid end to end in sequences of one length, nothing padded and nothing cropped.

A document of n ids (with its sentinels and end of text) gives n − 1 pairs of input and target, so
the end of text is predicted and never read, no target lies beyond a document's end, and every place
of a sequence has a target: a step always learns from exactly batch × length tokens.

A document that does not fit goes on in the stream's next sequence (one step later), where it starts
over: places count from 0 and attention cannot look back into the former sequence. That trains on
every token at the price of cut contexts; the alternative, cropping to what fits, would throw away
the ends of the longest documents, and repositories concatenated to 16,000 tokens are exactly those.
Only of the very first document of a stream the beginning is passed over, where there are several
sources (see mixture).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stages.ablation.training.configuration import SpecialTokens
from stages.ablation.training.data import fim
from stages.ablation.training.data.mixture import Stream

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packed:
    """Sequences, one a row; all arrays are [sequences, length]."""

    inputs: Ints
    targets: Ints
    """The next id of the same document."""
    positions: Ints
    """Place since the document began in this sequence: 0 marks a border."""
    sources: Ints
    """Number of the source each place comes from."""


class Packer:
    """Turns one stream of documents into sequences."""

    def __init__(
        self,
        stream: Stream,
        length: int,
        special: SpecialTokens,
        fim_rate: float,
        seed: int,
        position: Mapping[str, Any] | None = None,
    ) -> None:
        self._stream = stream
        self._length = length
        self._special = special
        self._fim_rate = fim_rate
        self._seed = seed
        self._ids: fim.Ids | None = None
        self._source = 0
        self._offset: int = (
            position["offset"] if position else int(stream.begun * (len(self._open()) - 1))
        )

    def position(self) -> dict[str, Any]:
        """Where the packer is, for JSON: the stream's place and the pairs of the open document."""
        return self._stream.position() | {"offset": self._offset}

    def pack(self, n_sequences: int) -> Packed:
        """The next sequences."""
        shape = n_sequences, self._length
        packed = Packed(*(np.empty(shape, np.int64) for _ in range(4)))
        for row in range(n_sequences):
            filled = 0
            while filled < self._length:
                ids = self._open()
                start = self._offset
                n_pairs = min(self._length - filled, len(ids) - 1 - start)
                here = row, slice(filled, filled + n_pairs)
                packed.inputs[here] = ids[start : start + n_pairs]
                packed.targets[here] = ids[start + 1 : start + n_pairs + 1]
                packed.positions[here] = np.arange(n_pairs)
                packed.sources[here] = self._source
                filled += n_pairs
                self._offset += n_pairs
                if self._offset == len(ids) - 1:
                    self._stream.advance(self._offset)
                    self._offset, self._ids = 0, None
        return packed

    def _open(self) -> fim.Ids:
        if self._ids is None:
            document = self._stream.document()
            cuts = fim.draw(
                document.sample_id,
                self._seed,
                document.epoch,
                self._fim_rate,
                len(document.tokens),
            )
            self._ids = fim.rearrange(document.tokens, cuts, self._special)
            self._source = document.source
        return self._ids
