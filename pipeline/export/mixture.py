"""The samples that a run's mixture draws: `emit.mixture`, as the manifest states it.

Rows of the train split lie in the order of a seeded hash of their `sample_id`, over all files of a
shard set, so the first of them are a sample drawn by that hash: the same whatever the order of the
inputs, the number of files and the workers, and part of every larger one. A set's draw is its rows
from the first on, as often as there are whole epochs, then up to the row that reaches the tokens
wanted: at most a sample too many, which is much where a set has few.
"""

from pathlib import Path
from typing import Any, NamedTuple

from pipeline.export.shard_sets import read_manifest
from pipeline.storage.location import location
from pipeline.storage.storage import Storage
from stages.errors import ConfigError


class Draw(NamedTuple):
    """What the mixture takes of a shard set."""

    weight: float
    """Share of the mixture's tokens."""
    train_tokens: int
    """Of which it is drawn."""
    tokens: int
    """To be drawn."""


def read_mixture(storage: Storage, run: Path) -> dict[str, Draw]:
    """Shard set → its draw, by the manifest; ConfigError if the run has no mixture."""

    def interpret(content: Any) -> dict[str, Draw]:
        sets = content["mixture"]["drawn"]["sets"] if "mixture" in content else {}
        return {
            str(name): Draw(float(one["weight"]), int(one["train_tokens"]), int(one["tokens"]))
            for name, one in sets.items()
        }

    draws = read_manifest(storage, run, interpret)
    if not draws:
        raise ConfigError(
            f"--mixture: {location(run)} has none; set `emit.mixture` and `sluice run` it again, "
            "which changes no shard"
        )
    return draws
