from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.columns import DOC_ID
from schemas.identity import doc_id, seeded_hash
from stages.concatenate.options import ConcatenateOptions
from stages.concatenate.stage import ConcatenateStage
from stages.contract import PARTITION, CorpusStage

COLUMNS = pa.schema(
    [
        pa.field("shard", pa.int32()),
        pa.field("row", pa.int64()),
        pa.field("doc_id", DOC_ID),
        pa.field("kind", pa.string()),
        pa.field("repo", pa.string()),
        pa.field("n_bytes", pa.int64()),
        pa.field("path", pa.string()),
        pa.field("text", pa.large_string()),
        pa.field("alive", pa.bool_()),
    ]
)


class MemoryCorpus:
    """Shards in memory; hands living rows to a shuffle and all rows to a decision."""

    def __init__(self, shards: Sequence[pa.Table], batch_rows: int) -> None:
        self.shards = shards
        self.batch_rows = batch_rows
        self.decided: list[pa.Table] = []

    def shuffle(self, name: str, step: Any, *, reads: Sequence[str]) -> pa.Table:
        batches: list[pa.RecordBatch] = []
        for shard in self.shards:
            living = shard.filter(shard["alive"]).select(list(reads))
            batches += step(iter(living.to_batches(max_chunksize=self.batch_rows)))
        for batch in batches:
            assert batch.drop_columns([PARTITION]).schema == step.schema
        return pa.Table.from_batches(batches)

    def decide(self, step: Any, records: pa.Table, *, reads: Sequence[str]) -> None:
        for number, shard in enumerate(self.shards):
            mine = records.filter(pc.field(PARTITION) == number).drop_columns([PARTITION])
            rows = shard.select(list(reads)).to_batches(max_chunksize=self.batch_rows)
            answers = list(step(iter(rows), mine))
            assert [answer.num_rows for answer in answers] == [batch.num_rows for batch in rows]
            schema = pa.schema([pa.field("reason", pa.string()), *step.schema])
            self.decided.append(pa.Table.from_batches(answers, schema))


def concatenated(
    documents: Sequence[dict[str, Any]], batch_rows: int = 4, **options: Any
) -> list[dict[str, Any]]:
    """Documents (with `shard`) through the stage; every row with its sample and position."""
    shards = defaultdict(list)
    for number, document in enumerate(documents):
        shard = shards[document.get("shard", 0)]
        defaults = {"shard": 0, "kind": "source", "repo": "a/b", "n_bytes": 10, "alive": True}
        shard.append({"doc_id": doc_id(str(number)), **defaults, **document, "row": len(shard)})
    tables = [
        pa.Table.from_pylist(shards[number], COLUMNS)
        for number in range(max(shards, default=0) + 1)
    ]
    corpus = MemoryCorpus(tables, batch_rows)
    stage = ConcatenateStage(ConcatenateOptions(**options))
    assert isinstance(stage, CorpusStage)
    stage.run(corpus)  # type: ignore[arg-type]
    return [
        {**document, **decided}
        for table, written in zip(tables, corpus.decided, strict=True)
        for document, decided in zip(table.to_pylist(), written.to_pylist(), strict=True)
    ]


def samples_of(rows: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    found = defaultdict(list)
    for row in rows:
        if row["sample_id"] is not None:
            found[row["sample_id"]].append(row)
    return [sorted(sample, key=lambda row: row["position"]) for sample in found.values()]


def test_a_repository_is_one_sample_in_the_order_of_the_draw() -> None:
    """Living source files of a repository follow one another by hash(seed, doc_id)."""
    rows = concatenated([{}] * 20, seed=3)
    (sample,) = samples_of(rows)
    ids = [row["doc_id"] for row in sample]
    assert ids == sorted(ids, key=lambda i: seeded_hash(3, i))
    assert [row["position"] for row in sample] == list(range(20))
    assert sample[0]["sample_id"] == xxhash.xxh3_128_digest(b"".join(ids))
    assert all(row["reason"] is None for row in rows)


def test_another_seed_is_another_order() -> None:
    """The order depends on the seed."""
    first, second = (concatenated([{}] * 20, seed=seed) for seed in (0, 1))
    assert [row["position"] for row in first] != [row["position"] for row in second]


def test_the_order_does_not_change_when_a_file_is_dropped() -> None:
    """Dropping a file leaves the others in their order."""
    everything = concatenated([{}] * 12)
    fewer = concatenated([{"alive": number != 5} for number in range(12)])
    assert fewer[5]["sample_id"] is None
    assert fewer[5]["position"] is None

    def order(rows: Sequence[dict[str, Any]]) -> list[bytes]:
        living = [row for row in rows if row["sample_id"] and row["row"] != 5]
        return [row["doc_id"] for row in sorted(living, key=lambda row: row["position"])]

    assert order(everything) == order(fewer)


def test_markdown_and_issues_are_samples_of_their_own() -> None:
    """Only source files are joined; a sample of one document has its identity."""
    rows = concatenated([{"kind": "source"}, {"kind": "markdown"}, {"kind": "issue"}])
    assert [row["sample_id"] for row in rows] == [row["doc_id"] for row in rows]
    assert [row["position"] for row in rows] == [0, 0, 0]


def test_order_none_leaves_every_file_alone() -> None:
    """Without an order nothing is joined."""
    rows = concatenated([{}] * 5, order="none")
    assert [row["sample_id"] for row in rows] == [row["doc_id"] for row in rows]


def test_a_sample_may_be_as_long_as_the_budget_and_no_longer() -> None:
    """Two files that fill the budget stay together; one byte less of budget parts them."""
    assert len(samples_of(concatenated([{}, {}], max_sample_bytes=20))) == 1
    assert len(samples_of(concatenated([{}, {}], max_sample_bytes=19))) == 2


documents = st.lists(
    st.fixed_dictionaries(
        {
            "shard": st.integers(0, 2),
            "kind": st.sampled_from(["source", "source", "markdown"]),
            "repo": st.sampled_from(["a/b", "c/d", "e/f"]),
            "n_bytes": st.integers(0, 30),
            "alive": st.booleans(),
        }
    ),
    max_size=40,
)


@settings(deadline=None)
@given(documents, st.integers(1, 9), st.integers(1, 60))
def test_samples_partition_the_living_documents(
    found: list[dict[str, Any]], batch_rows: int, budget: int
) -> None:
    """Every living document is in one sample, of one repository and shard, within the budget,
    and no sample could have taken the first file of the next."""
    for document in found:
        document["repo"] += f"-{document['shard']}"
    rows = concatenated(found, batch_rows, max_sample_bytes=budget)
    assert [row["sample_id"] is not None for row in rows] == [row["alive"] for row in rows]
    for sample in samples_of(rows):
        assert [row["position"] for row in sample] == list(range(len(sample)))
        assert len({(row["repo"], row["shard"]) for row in sample}) == 1
        if len(sample) > 1:
            assert sum(row["n_bytes"] for row in sample) <= budget
            assert {row["kind"] for row in sample} == {"source"}
    joined = defaultdict(list)
    for sample in samples_of(rows):
        if sample[0]["kind"] == "source":
            joined[sample[0]["repo"]].append(sample)
    for samples in joined.values():
        samples.sort(key=lambda sample: seeded_hash(0, sample[0]["doc_id"]))
        for sample, following in pairwise(samples):
            assert sum(row["n_bytes"] for row in sample) + following[0]["n_bytes"] > budget


def test_in_order_of_dependency_what_is_imported_comes_first() -> None:
    """The stage reads path and text, and orders each repository by its imports."""
    files = [
        {"path": "app/main.py", "text": "from app.core import run\n"},
        {"path": "app/core.py", "text": "import app.base\n"},
        {"path": "app/base.py", "text": ""},
    ]
    for seed in range(4):
        (sample,) = samples_of(concatenated(files, order="dependency", seed=seed))
        assert [row["path"] for row in sample] == ["app/base.py", "app/core.py", "app/main.py"]
    elsewhere = [{**file, "repo": f"a/{number}"} for number, file in enumerate(files)]
    assert len(samples_of(concatenated(elsewhere, order="dependency"))) == 3
