"""The pieces of dedup, each against its plain definition."""

import math
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.dedup.arrays import (
    ROW_MASK,
    SHARD_MASK,
    are_earlier,
    digest_array,
    digests,
    document_numbers,
    partitions_for,
    runs_of,
)
from stages.dedup.bands import candidate_probability, choose_bands, stored_threshold
from stages.dedup.near import drop_greedily
from stages.dedup.options import DedupOptions
from stages.dedup.preference import ranks
from stages.kernels.routes import scatter

HASH = st.binary(min_size=16, max_size=16)


def test_bands_of_the_default_threshold():
    """At 0.85: 25 bands of 10 rows, which find a pair at the threshold with 0.996."""
    assert choose_bands(0.85) == (25, 10)
    assert pytest.approx(candidate_probability(0.85, 25, 10), abs=5e-4) == 0.996


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0])
def test_bands_have_the_most_rows_that_find_99_percent(threshold):
    """One more row per band would find less than 99 % of the pairs at the threshold."""
    n_bands, rows = choose_bands(threshold)
    assert n_bands == 256 // rows
    assert 1 - (1 - threshold**rows) ** n_bands >= 0.99
    for more in range(rows + 1, 257):
        assert 1 - (1 - threshold**more) ** (256 // more) < 0.99


def test_stored_threshold_is_no_history():
    """Above the default the candidates are the default's; below, the threshold's own."""
    assert [stored_threshold(value) for value in (0.5, 0.85, 0.97)] == [0.5, 0.85, 0.85]


@pytest.mark.parametrize("value", [0.05, 1.01, "high"])
def test_threshold_is_checked(value):
    """A threshold outside 0.1 to 1 is refused."""
    with pytest.raises(ValidationError):
        DedupOptions(threshold=value)


DATES = st.none() | st.datetimes(
    datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)
).map(lambda moment: moment.replace(microsecond=0))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "license": st.sampled_from([None, "", "MIT", "GPL-2.0-only"]),
            "stars": st.none() | st.integers(0, 10) | st.integers(0, 2**22),
            "repo_created_at": DATES,
            "crawled_at": DATES,
            "n_bytes": st.integers(0, 5) | st.integers(0, 2**32 - 2),
            "doc_id": HASH,
        }
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row["doc_id"],
)


def seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else math.inf


@pytest.mark.parametrize("order", ["github", "web", "other"])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_rank_is_the_stated_preference(order, rows):
    """Sorting by rank, then doc_id, is sorting by the survivors' rule."""
    batch = pa.RecordBatch.from_pylist(
        rows,
        schema=pa.schema(
            {
                "license": pa.string(),
                "stars": pa.int64(),
                "repo_created_at": pa.timestamp("us", "UTC"),
                "crawled_at": pa.timestamp("us", "UTC"),
                "n_bytes": pa.int64(),
                "doc_id": pa.binary(16),
            }
        ),
    )
    keys = {
        "github": lambda row: (
            not row["license"],
            -row["stars"] if row["stars"] is not None else math.inf,
            seconds(row["repo_created_at"]),
        ),
        "web": lambda row: (-seconds(row["crawled_at"]) if row["crawled_at"] else math.inf,),
        "other": lambda row: (),
    }
    expected = sorted(rows, key=lambda row: (*keys[order](row), -row["n_bytes"], row["doc_id"]))
    high, low = ranks(batch, order)
    found = np.lexsort((digests(batch, "doc_id"), low, high))
    assert expected == [rows[i] for i in found]


@given(st.lists(st.none() | HASH, max_size=20), st.integers(0, 5))
def test_digests_round_trip(values, start):
    """`binary(16)` columns pass through NumPy unharmed, zeros and nulls included."""
    column = pa.array(values, pa.binary(16)).slice(start)
    batch = pa.record_batch({"x": column})
    missing = column.is_null().to_numpy(zero_copy_only=False)
    again = digest_array(digests(batch, "x"), missing)
    again.validate(full=True)
    assert column.to_pylist() == again.to_pylist()


def test_documents_pack_shard_and_row():
    """Shard and row come back from the packed number, and the run beside them."""
    shards, rows = np.array([0, 7, 2**26 - 1]), np.array([5, 2**32 - 1, 0])
    for run in (0, 1, 31):
        packed = document_numbers(shards, rows, run)
        assert (packed >> 32 & SHARD_MASK).tolist() == shards.tolist()
        assert (packed & ROW_MASK).tolist() == rows.tolist()
        assert runs_of(packed).tolist() == [run] * 3
        assert are_earlier(packed).tolist() == [run > 0] * 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 31), st.integers(1, 5)), min_size=2, max_size=8))
def test_documents_of_earlier_runs_are_preferred(found):
    """In the order of the runs, then in their own; this run's come last."""
    rows = [{"n_bytes": size, "doc_id": bytes([row] * 16)} for row, (_, size) in enumerate(found)]
    schema = pa.schema([("n_bytes", pa.int64()), ("doc_id", pa.binary(16))])
    keys = []
    for row, (run, _) in zip(rows, found, strict=True):
        high, low = ranks(pa.RecordBatch.from_pylist([row], schema=schema), "other", run)
        keys.append((high[0], low[0], row["doc_id"]))
    expected = sorted(
        range(len(rows)), key=lambda i: (found[i][0] or 32, -found[i][1], rows[i]["doc_id"])
    )
    assert sorted(range(len(rows)), key=keys.__getitem__) == expected


def test_partitions_are_even_and_stable():
    """Partitions are a power of two, and numbers spread evenly over them."""
    assert [partitions_for(n, 10) for n in (0, 1, 10, 11, 35)] == [1, 1, 1, 2, 4]
    counts = np.bincount(scatter(np.arange(80_000), 8), minlength=8)
    assert counts.min() > 9_600


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.dictionaries(
                st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(
                    lambda pair: pair[0] < pair[1]
                ),
                st.sampled_from([0.85, 0.9, 0.95]),
                max_size=30,
            ),
        )
    ),
    st.randoms(),
)
def test_greedy_drops_against_kept_documents_only(graph, generator):
    """In order of preference: drop for the most similar kept neighbour, the preferred on a tie."""
    n, weights = graph
    kept: list[int] = []
    expected = []
    for document in range(n):
        options = [(-weights[k, document], k) for k in kept if (k, document) in weights]
        expected.append(min(options)[1] if options else -1)
        if not options:
            kept.append(document)
    edges = list(weights.items())
    generator.shuffle(edges)
    turned = [pair if generator.random() < 0.5 else pair[::-1] for pair, _ in edges]
    ends = np.array(turned, np.int64).reshape(-1, 2)
    similarity = np.array([weight for _, weight in edges], np.float64)
    kept_for, best = drop_greedily(n, ends[:, 0].copy(), ends[:, 1].copy(), similarity)
    assert expected == kept_for.tolist()
    for document, other in enumerate(expected):
        if other >= 0:
            assert weights[other, document] == best[document]
