"""Links and what hangs together by them, against a search of the graph."""

import itertools
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.arrange import Arrange, ListMembers, SumComponents, fill_cells
from stages.dedup.arrays import emit, partitions_for
from stages.dedup.components import LINKS, connect, connected_components
from stages.dedup.links import BANDS, LinkBuckets
from tests.stages.dedup.conftest import MemoryCorpus, MemoryParts

Edges = Iterable[tuple[int, int]]

GRAPHS = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=40),
    )
)


def search(nodes: Iterable[int], edges: Edges) -> dict[int, int]:
    """The least node that each node reaches."""
    neighbours = defaultdict(set)
    for a, b in edges:
        neighbours[a].add(b)
        neighbours[b].add(a)
    least: dict[int, int] = {}
    for node in sorted(nodes):
        frontier = [] if node in least else [node]
        while frontier:
            one = frontier.pop()
            if one not in least:
                least[one] = node
                frontier.extend(neighbours[one])
    return least


def link_parts(edges: Edges, n_parts: int) -> MemoryParts:
    parts: list[list[pa.RecordBatch]] = [[] for _ in range(n_parts)]
    for place, (a, b) in enumerate(edges):
        if a != b:
            ends = {"node": [max(a, b)], "root": [min(a, b)]}
            sizes = {"node_shingles": [max(a, b) + 5], "root_shingles": [min(a, b) + 5]}
            columns = {name: np.array(value) for name, value in (ends | sizes).items()}
            batch = next(iter(emit(LINKS, columns | {"open": np.array([False])})))
            parts[place % n_parts].append(batch)
    return MemoryParts(LINKS, parts)


def corpus_of(n_documents: int) -> MemoryCorpus:
    return MemoryCorpus("github", [[pa.record_batch({"n_bytes": np.zeros(n_documents, np.int64)})]])


@settings(max_examples=100, deadline=None)
@given(GRAPHS)
def test_components_are_those_of_a_search(graph):
    """Every node is labelled with the least node it can reach."""
    n, edges = graph
    ends = np.array(edges, np.int64).reshape(-1, 2)
    found = connected_components(n, ends[:, 0].copy(), ends[:, 1].copy())
    assert search(range(n), edges) == dict(enumerate(found.tolist()))


@settings(max_examples=60, deadline=None)
@given(GRAPHS, st.sampled_from([1, 2, 7, 100]), st.integers(1, 4))
def test_contraction_over_partitions_ends_in_stars(graph, link_documents, n_parts):
    """Whatever the partitions, each node that is no root is linked once, to the least it reaches,
    and both keep their number of shingles."""
    n, edges = graph
    stars = connect(corpus_of(n), link_parts(edges, n_parts), partitions_for(n, link_documents))
    rows = [row for batch in stars.read() for row in batch.to_pylist()]
    expected = {node: root for node, root in search(range(n), edges).items() if node != root}
    assert expected == {row["node"]: row["root"] for row in rows}
    assert len(rows) == len(expected)
    for row in rows:
        assert (row["node_shingles"], row["root_shingles"]) == (row["node"] + 5, row["root"] + 5)


@pytest.mark.parametrize("order", ["ascending", "mixed"])
def test_a_chain_of_a_thousand_takes_few_rounds(order):
    """A chain is the longest way there is; its contraction takes about log2 of its length."""
    places = list(range(1_000))
    if order == "mixed":
        np.random.default_rng(0).shuffle(places)
    corpus = corpus_of(1_000)
    stars = connect(corpus, link_parts(itertools.pairwise(places), 8), 32)
    assert sum(batch.num_rows for batch in stars.read()) == 999
    assert {0} == {root for batch in stars.read() for root in batch["root"].to_pylist()}
    assert corpus.calls["LargeStar"] <= 14 * 32


BUCKETS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 12), st.integers(1, 30)), min_size=1, max_size=40
)


@settings(max_examples=100, deadline=None)
@given(BUCKETS, st.sampled_from([0.5, 0.85, 1.0]))
def test_links_connect_all_that_may_be_near(rows, threshold):
    """Two that share a bucket and whose sizes allow the similarity hang together; two that share
    none do not, unless by way of others."""
    size = {document: shingles for _, document, shingles in rows}
    members = sorted({(band, document) for band, document, _ in rows})
    batch = pa.record_batch(
        [
            pa.array([band for band, _ in members], pa.uint64()),
            pa.array([document for _, document in members]),
            pa.array([size[document] for _, document in members], pa.int32()),
        ],
        schema=BANDS,
    )
    links = [row for out in LinkBuckets(threshold)(iter([batch])) for row in out.to_pylist()]
    assert all(row["node_shingles"] == size[row["node"]] for row in links)
    assert all(row["root_shingles"] == size[row["root"]] for row in links)
    by_links = search(size, [(row["node"], row["root"]) for row in links])
    shared = [
        (one, other)
        for (band, one), (again, other) in itertools.combinations(members, 2)
        if band == again
    ]
    for one, other in shared:
        if min(size[one], size[other]) / max(size[one], size[other]) >= threshold:
            assert by_links[one] == by_links[other]
    by_buckets = search(size, shared)
    for one, other in itertools.combinations(size, 2):
        assert by_links[one] != by_links[other] or by_buckets[one] == by_buckets[other]


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 50))
def test_cells_are_bounded(sizes, limit):
    """A cell holds at most the limit, or one component."""
    cells = fill_cells(np.array(sizes, np.int64), limit)
    for number in range(max(cells, default=-1) + 1):
        held = np.array(sizes)[cells == number]
        assert held.sum() <= limit or len(held) == 1


@settings(max_examples=60, deadline=None)
@given(GRAPHS, st.integers(1, 3))
def test_every_document_of_a_component_meets_in_one_cell(graph, n_partitions):
    """Kinds go by members and shingles; no two components of one kind and different partitions
    share a cell, and the documents of one component always do, unless it is huge."""
    n, edges = graph
    corpus = corpus_of(n)
    stars = connect(corpus, link_parts(edges, 2), 1)
    sums = corpus.shuffle("sum", SumComponents(n_partitions), source=stars)
    members = corpus.shuffle("list", ListMembers(n_partitions), source=stars)
    arrange = Arrange(n_partitions, few=3, cell_shingles=400, task_shingles=1_000)
    arranged = corpus.reduce_partitions("a", arrange, sums, members, n_partitions=n_partitions)
    rows = [row for batch in arranged.read() for row in batch.to_pylist()]
    expected = search(range(n), edges)
    linked = {node for node, root in expected.items() if list(expected.values()).count(root) > 1}
    assert {row["document"]: row["component"] for row in rows} == {
        node: expected[node] for node in linked
    }
    assert len(rows) == len(linked)
    weights: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        weights[row["component"]].append(row["document"] + 5 + 64)
    cells = defaultdict(set)
    for row in rows:
        weight = weights[row["component"]]
        kind = 2 if sum(weight) > 1_000 else 0 if len(weight) <= 3 else 1
        assert row["kind"] == kind
        if kind < 2:
            cells[kind, row["cell"]].add(row["component"])
    assert len({c for group in cells.values() for c in group}) == sum(map(len, cells.values()))
    for group in cells.values():
        assert len(group) == 1 or sum(sum(weights[c]) for c in group) <= 400
