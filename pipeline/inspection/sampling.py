"""Samples of a shard set, decoded: the first that meet a condition.

Samples lie in the order of a hash, so the first are a fair draw, and the same every time. The
condition is asked of everything but the tokens; those are read of the rows that are shown.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.configuration.validation import nearest
from pipeline.engine.product import TOKENIZER
from pipeline.inspection.single_rows import read_row
from pipeline.inspection.sql import query
from pipeline.inspection.views import View, find_views
from pipeline.storage.location import location
from pipeline.storage.manifest import SHARDS
from stages.errors import ConfigError
from stages.kernels.bpe.tokenizer import Tokenizer


@dataclass(frozen=True)
class Part:
    """One document of a sample."""

    facts: dict[str, Any]
    text: str

    @property
    def language(self) -> str | None:
        language: str | None = self.facts["language"]
        return language


@dataclass(frozen=True)
class Sample:
    """One training sample."""

    sample_id: str
    split: str
    n_tokens: int
    parts: list[Part]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "sample_id": self.sample_id,
            "split": self.split,
            "n_tokens": self.n_tokens,
            "parts": [{**part.facts, "text": part.text} for part in self.parts],
        }


def draw(run: Path, shard_set: str, n: int, where: str | None = None) -> Iterator[Sample]:
    """The first `n` samples of a set, such as `code-web`, that meet a condition in SQL over the
    columns of the shards. ConfigError for a set that is not there, or a condition that is none."""
    views = [view for view in find_views(run) if view.schema == SHARDS]
    view = _view(run, shard_set, views)
    condition = f"where (\n{where}\n)" if where else ""
    statement = (
        f"select shard, row from {view.sql_name} {condition} order by split desc, shard, row "
        f"limit {n}"
    )
    places = [row for batch in query(run, statement) for row in batch.to_pylist()]
    tokenizer = _tokenizer(view)
    files = {_number(file): file for file in view.files}
    for place in places:
        row = read_row(view, files[place["shard"]], place["row"])
        assert row is not None
        yield _sample(row, tokenizer)


def _view(run: Path, shard_set: str, views: list[View]) -> View:
    names = {view.folder.rpartition("/")[2]: view for view in views}
    if shard_set in names:
        return names[shard_set]
    if not names:
        raise ConfigError(f"{location(run)}: no shards here; make them with `sluice run`")
    hint = nearest(shard_set, names)
    suggestion = f"did you mean {hint}? " if hint else ""
    raise ConfigError(
        f"{location(run)} has no shard set {shard_set!r}; {suggestion}there are {', '.join(names)}"
    )


def _number(file: str) -> int:
    """`shards/code/train-00003.g1a0.parquet` → 3."""
    return int(file.rpartition("/")[2].partition(".")[0].rpartition("-")[2])


def _tokenizer(view: View) -> Tokenizer:
    with tempfile.TemporaryDirectory(prefix="sluice-tokenizer-") as folder:
        path = Path(folder, TOKENIZER)
        path.write_bytes(view.storage.read_bytes(f"{SHARDS}/{TOKENIZER}"))
        return Tokenizer(str(path))


def _sample(row: dict[str, Any], tokenizer: Tokenizer) -> Sample:
    ids = np.asarray(row["tokens"], np.uint32)
    parts = []
    for part in row["parts"]:
        own = ids[part["start"] : part["start"] + part["n_tokens"]]
        facts = {**part, "doc_id": part["doc_id"].hex()}
        parts.append(Part(facts, tokenizer.decode(own)))
    return Sample(row["sample_id"].hex(), row["split"], row["n_tokens"], parts)
