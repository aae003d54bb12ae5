"""The corpus verbs in memory, for stages with artefacts, and token ids that two topics share."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from stages.contract import ALIVE, PARTITION, ROW, SHARD
from stages.kernels.fasttext.scoring import Collapsed
from stages.recall.classifier.calibrate import Calibration, HeldOut
from stages.recall.classifier.evidence import PageEvidence
from stages.recall.classifier.model import TrainedModel
from stages.recall.options import RecallOptions
from stages.recall.stage import RecallStage
from tests.stages.recall.small_crawl import OPTIONS, crawl


@dataclass
class MemoryParts:
    """Parts of batches."""

    parts: list
    schema: pa.Schema

    @property
    def n_parts(self):
        return len(self.parts)

    def read(self):
        for part in self.parts:
            yield from part


@dataclass(frozen=True)
class MemoryArtefact:
    """Bytes that were made once."""

    data: bytes

    @property
    def content_hash(self):
        return xxhash.xxh3_128_hexdigest(self.data)

    def read(self):
        return self.data


def stored(schema):
    """As the engine stores it: without the partition."""
    index = schema.get_field_index(PARTITION)
    return schema if index < 0 else schema.remove(index)


@dataclass
class MemoryCorpus:
    """The verbs without durability. Each shard is one table with `ALIVE`."""

    name: str
    shards: list
    others: dict = field(default_factory=dict)
    kept: dict = field(default_factory=dict)
    artefacts: dict = field(default_factory=dict)
    decided: list = field(default_factory=list)

    @property
    def n_shards(self):
        return len(self.shards)

    def n_rows(self):
        return sum(map(len, self.shards))

    def has(self, column):
        return column in self.shards[0].schema.names

    def n_bytes(self):
        return sum(len(text) for shard in self.shards for text in shard["text"].to_pylist())

    def other(self, name):
        return self.others[name]

    def _batches(self, number, reads, everything):
        shard = self.shards[number]
        shard = shard.append_column(SHARD, pa.array(np.full(len(shard), number, np.int32)))
        shard = shard.append_column(ROW, pa.array(np.arange(len(shard))))
        if not everything:
            shard = shard.filter(shard[ALIVE])
        return iter(shard.select(list(reads)).to_batches(max_chunksize=7))

    def _inputs(self, reads, source, everything):
        if source is not None:
            return [iter(part) for part in source.parts]
        return [self._batches(number, reads, everything) for number in range(self.n_shards)]

    def map_shards(self, name, step, *, reads=(), source=None, everything=False, keep_as=None):
        parts = [list(step(batches)) for batches in self._inputs(reads, source, everything)]
        assert {stored(batch.schema) for part in parts for batch in part} <= {stored(step.schema)}
        made = MemoryParts(parts, step.schema)
        if keep_as is not None:
            self.kept[keep_as] = pa.Table.from_batches(made.read(), step.schema)
        return made

    def shuffle(self, name, step, *, reads=(), source=None, everything=False):
        made = self.map_shards(name, step, reads=reads, source=source, everything=everything)
        batches = list(made.read())
        sent = stored(step.schema).append(pa.field(PARTITION, pa.uint32()))
        return pa.Table.from_batches(batches) if batches else sent.empty_table()

    def reduce_partitions(self, name, step, *sources, n_partitions, keep_as=None):
        rows = pa.concat_tables(sources)
        parts = []
        for number in range(n_partitions):
            chosen = rows.filter(pa.compute.equal(rows[PARTITION], number)).drop([PARTITION])
            parts.append(list(step(iter(chosen.to_batches()))))
        made = MemoryParts(parts, step.schema)
        if keep_as is not None:
            self.kept[keep_as] = pa.Table.from_batches(made.read(), step.schema)
        return made

    def artefact(self, path, step, *sources):
        self.artefacts[path] = MemoryArtefact(step(*(source.read() for source in sources)))
        return self.artefacts[path]

    def artefacts_in(self, folder, steps, *sources):
        return tuple(self.artefact(f"{folder}/{name}", steps[name], *sources) for name in steps)

    def discard(self, path):
        self.artefacts.pop(path, None)

    def decide(self, step, records, *, reads=()):
        for number in range(self.n_shards):
            own = records.filter(pa.compute.equal(records[PARTITION], number)).drop([PARTITION])
            batches = step(self._batches(number, reads, everything=True), own)
            table = pa.Table.from_batches(batches, step.schema)
            assert len(table) == len(self.shards[number])
            self.decided.append(table)


@pytest.fixture(scope="session")
def memory_corpus():
    """The class of a corpus in memory."""
    return MemoryCorpus


@pytest.fixture(scope="session")
def topic():
    """Documents of token ids: `topic(n, seed, low)` draws from [low, low + 300)."""

    def draw(n, seed, low, longest=120):
        random = np.random.default_rng(seed)
        lists = [
            random.integers(low, low + 300, random.integers(20, longest)).tolist() for _ in range(n)
        ]
        return pa.array(lists, pa.large_list(pa.uint32()))

    return draw


@pytest.fixture(scope="session")
def even_model():
    """A model whose threshold is one half and whose median page has log-odds of -1."""
    none = np.zeros((1, 1), np.float32)
    bare = Collapsed(("n", "p"), 3, np.zeros(0, np.uint32), none[:, 0:0], none[0], none)
    even = Calibration(1.0, 0.5)
    page = PageEvidence((1.0, 1.0, 1.0, 0.0, 0.0, 0.0), 0.0, even, background=-1.0)
    trained = TrainedModel(bare, even, HeldOut(1, 1, 1.0, 1.0), "small", page)
    return MemoryArtefact(trained.to_bytes())


@pytest.fixture(scope="session")
def recalled():
    """The small crawl after the stage, for tests that only look."""
    corpus = crawl(MemoryCorpus)
    RecallStage(RecallOptions(**OPTIONS)).run(corpus)
    return corpus
