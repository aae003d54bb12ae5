"""What determines a run's numbers, written down at its start so that no other run goes on from it.

The number of ranks, the micro-batch, the device, compilation and all that is about logs and
checkpoints are left out: they may change when a run is resumed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from stages.ablation.training.checkpoint import replace_text
from stages.ablation.training.configuration import SpecialTokens, TrainConfig
from stages.ablation.training.data.shards import ShardSource
from stages.errors import ConfigError

RECIPE = "run.json"


def recipe(
    config: TrainConfig,
    special: SpecialTokens,
    sources: Sequence[ShardSource],
    dtype: torch.dtype,
) -> dict[str, Any]:
    """The fields that determine the numbers, for JSON."""
    return {
        "preset": asdict(config.shape),
        "sequence_length": config.length,
        "steps": config.n_steps,
        "batch": config.batch,
        "streams": config.n_streams,
        "seed": config.seed,
        "split": config.split,
        "fim_rate": config.fim_rate,
        "dtype": str(dtype),
        "optimizer": asdict(config.optimizer) | {"learning_rate": config.peak_rate},
        "spikes": asdict(config.spikes),
        "special_tokens": asdict(special),
        "sources": {
            source.name: {
                "weight": config.sources[source.name].weight,
                "files": len(source.files),
                "digest": source.digest,
            }
            for source in sources
        },
    }


def claim(folder: Path, mine: Mapping[str, Any], *, resume: bool) -> None:
    """Write the recipe into the run's folder, or compare it with the one that is there.

    Raises ConfigError where the folder is another run's, naming the fields that differ.
    """
    path = folder / RECIPE
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(mine, indent=1))
        return
    if not resume:
        raise ConfigError(f"output = {str(folder)!r}: holds a run already, and resume = false")
    theirs = json.loads(path.read_text(encoding="utf-8"))
    changed = list(differences("", theirs, json.loads(json.dumps(mine))))
    if changed:
        raise ConfigError(
            f"output = {str(folder)!r}: holds another run ({'; '.join(changed)}); "
            "choose another folder, or delete it"
        )


def differences(name: str, theirs: Any, mine: Any) -> Iterator[str]:
    """Dotted names of the leaves that differ, with both values."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in sorted({*theirs, *mine}):
            yield from differences(f"{name}.{key}", theirs.get(key), mine.get(key))
    elif theirs != mine:
        yield f"{name.removeprefix('.')} was {theirs!r}, now {mine!r}"
