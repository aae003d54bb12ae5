"""One rank's share of every global batch, packed ahead of the device by a thread.

Sequences stand in a global batch in order of their streams, and ranks own consecutive streams.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from queue import Full, Queue
from typing import Any, Self

import numpy as np

from stages.ablation.configuration import SpecialTokens, TrainConfig
from stages.ablation.mixture import Stream
from stages.ablation.packing import Packed, Packer
from stages.ablation.shards import ShardSource
from stages.errors import ConfigError

AHEAD = 2
"""Batches packed in advance."""
PATIENCE_SECONDS = 0.1

Positions = list[dict[str, Any]]
"""A small dict per stream."""


@dataclass(frozen=True)
class Share:
    """What a rank trains on in one step."""

    packed: Packed
    before: Positions
    """Where its streams stood before the step, for the log of a skipped one."""
    after: Positions
    """Where they stand after it, for a checkpoint."""


def open_sources(config: TrainConfig) -> list[ShardSource]:
    """The sources in order of name."""
    return [
        ShardSource(name, source.paths, config.split, config.shape.vocabulary, config.n_streams)
        for name, source in sorted(config.sources.items())
    ]


class Loader:
    """Iterates over a rank's shares, without end; close it to stop its thread."""

    def __init__(
        self,
        config: TrainConfig,
        sources: Sequence[ShardSource],
        special: SpecialTokens,
        rank: int,
        n_ranks: int,
        positions: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        mine = range(config.n_streams)[streams_of(config, rank, n_ranks)]
        weights = [config.sources[source.name].weight for source in sources]
        self._n_sequences = config.batch // config.n_streams
        self._packers = []
        for number in mine:
            start = positions[number] if positions else None
            stream = Stream(sources, weights, number, config.n_streams, config.seed, start)
            self._packers.append(
                Packer(stream, config.length, special, config.fim_rate, config.seed, start)
            )
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
        before = [packer.position() for packer in self._packers]
        parts = [packer.pack(self._n_sequences) for packer in self._packers]
        arrays = (
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Packed)
        )
        return Share(Packed(*arrays), before, [packer.position() for packer in self._packers])


def streams_of(config: TrainConfig, rank: int, n_ranks: int) -> slice:
    """The consecutive streams a rank owns."""
    if config.n_streams % n_ranks:
        raise ConfigError(
            f"streams = {config.n_streams}: expected a multiple of the {n_ranks} ranks"
            " (and a divisor of batch)"
        )
    each = config.n_streams // n_ranks
    share = config.batch // n_ranks
    if share % min(config.micro_batch, share):
        raise ConfigError(
            f"micro_batch = {config.micro_batch}: expected a divisor of the {share} sequences "
            f"that each of {n_ranks} ranks has of batch = {config.batch}"
        )
    return slice(rank * each, (rank + 1) * each)
