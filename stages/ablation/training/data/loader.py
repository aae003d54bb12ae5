"""One rank's share of every global batch, packed ahead of the device by a thread.

Sequences stand in a global batch in order of their streams, and ranks own consecutive streams of
those that a batch is made of.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from queue import Full, Queue
from typing import Any, Self

import numpy as np

from stages.ablation.training.configuration import SpecialTokens, TrainConfig
from stages.ablation.training.data.mixture import Stream
from stages.ablation.training.data.packing import Packed, Packer
from stages.ablation.training.data.shards import ShardSource
from stages.errors import ConfigError

AHEAD = 2
"""Batches packed in advance."""
PATIENCE_SECONDS = 0.1

Positions = dict[str, dict[str, Any]]
"""Where each stream is, by its number."""


@dataclass(frozen=True)
class Share:
    """What a rank trains on in one step."""

    packed: Packed
    before: Positions
    """Where the step's streams stood before it, for the log of a skipped one."""
    after: Positions
    """Where all of the rank's streams stand after it, for a checkpoint."""


def open_sources(config: TrainConfig) -> list[ShardSource]:
    """The sources in order of name."""
    return [
        ShardSource(name, source.paths, config.split, config.shape.vocabulary, config.n_streams)
        for name, source in sorted(config.sources.items())
    ]


class Loader:
    """Iterates over a rank's shares from step `start` on, without end.

    Use it as a context manager, which stops its thread.
    """

    def __init__(
        self,
        config: TrainConfig,
        sources: Sequence[ShardSource],
        special: SpecialTokens,
        rank: int,
        n_ranks: int,
        start: int = 0,
        positions: Positions | None = None,
    ) -> None:
        self._turns = streams_of(config, rank, n_ranks)
        self._step = start
        weights = [config.sources[source.name].weight for source in sources]
        self._n_sequences = max(config.batch // config.n_streams, 1)
        self._packers = {}
        for number in (number for turn in self._turns for number in turn):
            place = positions[str(number)] if positions else None
            stream = Stream(sources, weights, number, config.n_streams, config.seed, place)
            self._packers[number] = Packer(
                stream, config.length, special, config.fim_rate, config.seed, place
            )
        self._positions = {str(n): packer.position() for n, packer in self._packers.items()}
        self._queue: Queue[Share | Exception] = Queue(AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="packing", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Share]:
        while True:
            item = self._queue.get()
            if isinstance(item, Exception):
                raise item
            yield item

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                item: Share | Exception = self._pack()
            except Exception as error:  # noqa: BLE001 - raised again by the one who iterates
                item = error
            while not self._stop.is_set():
                try:
                    self._queue.put(item, timeout=PATIENCE_SECONDS)
                    break
                except Full:
                    continue
            if isinstance(item, Exception):
                return

    def _pack(self) -> Share:
        turn = self._turns[self._step % len(self._turns)]
        before = {str(number): self._positions[str(number)] for number in turn}
        parts = [self._packers[number].pack(self._n_sequences) for number in turn]
        after = {str(number): self._packers[number].position() for number in turn}
        self._positions = self._positions | after
        self._step += 1
        arrays = (
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Packed)
        )
        return Share(Packed(*arrays), before, self._positions)


def streams_of(config: TrainConfig, rank: int, n_ranks: int) -> list[range]:
    """The streams a rank owns: those of one batch, of the next, and so on until all had a turn."""
    width = min(config.n_streams, config.batch)
    if width % n_ranks:
        name = "streams" if config.n_streams < config.batch else "batch"
        raise ConfigError(f"{name} = {width}: expected a multiple of the {n_ranks} ranks")
    each = width // n_ranks
    share = config.batch // n_ranks
    if share % min(config.micro_batch, share):
        raise ConfigError(
            f"micro_batch = {config.micro_batch}: expected a divisor of the {share} sequences "
            f"that each of {n_ranks} ranks has of batch = {config.batch}"
        )
    firsts = range(rank * each, config.n_streams, width)
    return [range(first, first + each) for first in firsts]
