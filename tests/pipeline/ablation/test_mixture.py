"""The trainer reads a run's shards in the proportions that their manifest states."""

import json
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.run import run
from stages.ablation.training.configuration import SpecialTokens, TrainConfig
from stages.ablation.training.data.loader import Loader, open_sources
from stages.ablation.training.manifest import with_mixture
from tests.pipeline.conftest import configured

WEIGHTS = {"code": 50, "text": 20, "natural": 30}
SPECIAL = SpecialTokens(end=100_001, fim_begin=100_002, fim_hole=100_003, fim_end=100_004)
STEPS = 60


@pytest.fixture(scope="module")
def weighed(finished_run: Path, inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run, with a mixture in its manifest."""
    folder = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("weighed") / "run"))
    weights = ", ".join(f"{name} = {weight}" for name, weight in WEIGHTS.items())
    run(configured(inputs, folder, f"emit.mixture={{{weights}}}"), address="local")
    return folder


def config(run: Path, seed: int) -> TrainConfig:
    return with_mixture(
        TrainConfig(
            output="unused",
            shards=str(run / "shards"),
            special_tokens=SPECIAL,
            sequence_length=64,
            batch=16,
            seed=seed,
        )
    )


def read(config: TrainConfig, n_steps: int, start: int = 0, positions: object = None) -> tuple:
    """Tokens by source of each step, and where the streams then stand."""
    sources = open_sources(config)
    with Loader(config, sources, SPECIAL, 0, 1, start, positions) as loader:  # type: ignore[arg-type]
        shares = list(islice(loader, n_steps))
    counts = [np.bincount(share.packed.sources.ravel(), minlength=len(sources)) for share in shares]
    return np.array(counts), shares[-1].after


def stated(run: Path) -> npt.NDArray[np.float64]:
    sets = json.loads((run / "shards/manifest.json").read_text())["mixture"]["drawn"]["sets"]
    return np.array([sets[name]["weight"] for name in sorted(sets)])


def test_the_tokens_read_have_the_shares_of_the_manifest(weighed: Path) -> None:
    """Within the chance of where streams stand in their documents: over seeds the mean share of
    every set is within three standard errors of its weight, and those are small."""
    shares = []
    for seed in range(6):
        counts, _ = read(config(weighed, seed), STEPS)
        shares.append(counts.sum(axis=0) / counts.sum())
    expected = stated(weighed)
    assert expected == pytest.approx(np.array([0.5, 0.3, 0.2]))
    errors = np.std(shares, axis=0, ddof=1) / np.sqrt(len(shares))
    assert (errors < 0.02).all()
    assert (np.abs(np.mean(shares, axis=0) - expected) < 3 * errors).all()


def test_reading_in_two_parts_is_reading_at_once(weighed: Path) -> None:
    """From the place of a checkpoint, to the token."""
    whole, _ = read(config(weighed, 0), STEPS)
    first, positions = read(config(weighed, 0), 25)
    second, _ = read(config(weighed, 0), STEPS - 25, 25, positions)
    assert (np.concatenate([first, second]) == whole).all()
    other, _ = read(config(weighed, 1), STEPS)
    assert (other != whole).any()
