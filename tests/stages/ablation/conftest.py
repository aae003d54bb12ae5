"""Small shards and a model smaller than `tiny`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from schemas.shards import SHARDS
from stages.ablation.training.configuration import Checkpoints, Source, SpecialTokens, TrainConfig
from stages.ablation.training.model.presets import Preset

SHAPE = Preset(
    n_layers=2,
    hidden=32,
    n_heads=2,
    feed_forward=64,
    vocabulary=128,
    tied=True,
    learning_rate=1e-2,
    sequence_length=32,
)
SPECIAL = SpecialTokens(end=100, fim_begin=101, fim_hole=102, fim_end=103)

Rows = Sequence[Sequence[int]]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def sample_id(number: int) -> bytes:
    """An identity that tests can recognise."""
    return number.to_bytes(16, "big")


def write_shard(
    path: Path, documents: Rows, *, splits: Sequence[str] = (), first: int = 0, row_group: int = 10
) -> Path:
    """One shard; document i has the sample_id `first` + i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "sample_id": sample_id(first + number),
            "source": path.parent.name,
            "split": splits[number] if splits else "train",
            "tokens": list(tokens),
            "n_tokens": len(tokens),
            "parts": [],
        }
        for number, tokens in enumerate(documents)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=SHARDS), path, row_group_size=row_group)
    return path


def counting_documents(n_documents: int, seed: int) -> list[list[int]]:
    """Documents a model can learn: each counts up from somewhere, in steps of 1 to 3."""
    random = Random(seed)
    documents = []
    for _ in range(n_documents):
        token = random.randrange(100)
        document = []
        for _ in range(int(random.lognormvariate(3.3, 0.8)) + 1):
            token = (token + random.randrange(1, 4)) % 100
            document.append(token)
        documents.append(document)
    return documents


@pytest.fixture(scope="session")
def mixture(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    """Two sources of two shards each."""
    root = tmp_path_factory.mktemp("shards")
    for number, name in enumerate(("code", "text")):
        for shard in range(2):
            documents = counting_documents(40, 10 * number + shard)
            write_shard(root / name / f"{shard:05d}.parquet", documents, first=1000 * shard)
    return {
        "code": Source((str(root / "code"),), 2.0),
        "text": Source((str(root / "text"),), 1.0),
    }


@pytest.fixture
def small(mixture: dict[str, Source], tmp_path: Path) -> Callable[..., TrainConfig]:
    """Makes configurations of a few quick steps; any field may be given."""

    def make(**fields: Any) -> TrainConfig:
        chosen: dict[str, Any] = {
            "output": str(tmp_path / "run"),
            "sources": mixture,
            "special_tokens": SPECIAL,
            "preset": SHAPE,
            "steps": 12,
            "batch": 4,
            "micro_batch": 2,
            "device": "cpu",
            "compile": False,
            "checkpoints": Checkpoints(every=0),
            "log_every": 0,
            "tensorboard": False,
        }
        return TrainConfig(**(chosen | fields))

    return make
