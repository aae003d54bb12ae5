"""The verbs: where a step's rows lie while a stage runs."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import LocalExecutor, Resources
from pipeline.engine.lineage import Tables
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work.task import Limits
from pipeline.storage.storage import LocalStorage
from stages.contract import Batches


@dataclass(frozen=True)
class Write:
    """Writes one number."""

    number: int

    schema: ClassVar[pa.Schema] = pa.schema([("number", pa.int64())])

    def __call__(self, batches: Batches) -> Batches:
        assert list(batches) == []
        yield pa.record_batch([pa.array([self.number])], schema=self.schema)


@pytest.fixture
def corpus(tmp_path: Path) -> EngineCorpus:
    storage = LocalStorage(tmp_path)
    runner = Runner(storage, LocalExecutor(storage, 1), Monitor(), 1, Limits(60.0), 0.01)
    stage: Any = SimpleNamespace(version=1, libraries=())
    tables = {"web": Tables("web")}
    step = "web.example"
    return EngineCorpus(runner, tables, "web", stage, step, step, "web/example", Resources())


def numbers(corpus: EngineCorpus, name: str, number: int) -> list[int]:
    parts = corpus.reduce_partitions(name, Write(number), n_partitions=1)
    return [row["number"] for batch in parts.read() for row in batch.to_pylist()]


def test_two_steps_of_one_class_keep_their_rows_apart(corpus: EngineCorpus) -> None:
    """Under two names; the same step may be asked for again."""
    first = corpus.reduce_partitions("first", Write(1), n_partitions=1)
    assert numbers(corpus, "second", 2) == [2]
    assert numbers(corpus, "first", 1) == [1]
    assert [batch.to_pydict() for batch in first.read()] == [{"number": [1]}]


def test_two_steps_under_one_name_are_refused(corpus: EngineCorpus) -> None:
    """The second would overwrite rows that were not read yet."""
    corpus.reduce_partitions("rows", Write(1), n_partitions=1)
    with pytest.raises(ValueError, match=r"two steps would write to scratch/web\.example/rows"):
        corpus.reduce_partitions("rows", Write(2), n_partitions=1)
