"""The tree of domains and patterns at scale, partition by partition."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from schemas.columns import DOC_ID
from stages.contract import PARTITION
from stages.recall.annotations import Annotations
from stages.recall.directories import SendPages, page_rows
from stages.recall.patterns import NODE, CountNodes, ListDomains, ProposePatterns
from stages.recall.rules import PatternRules
from stages.recall.score import logit_schema, score_schema

RULES = PatternRules(0.1, 1, False, 0.5, 3, by_rule=True)
TARGETS = ("code",)
N_PARTITIONS = 16


def pages(first, n, n_domains):
    """Synthetic pages: every tenth domain is recalled in its directory `d0`."""
    number = np.arange(first, first + n)
    domain = number * 2654435761 % n_domains
    folder = number // n_domains % 2
    hit = (domain % 10 == 0) & (folder == 0)
    urls = [
        f"http://www.s{d}.org/d{f}/{i}"
        for d, f, i in zip(domain.tolist(), folder.tolist(), number.tolist(), strict=True)
    ]
    identities = np.ascontiguousarray(np.stack([number * 0x9E3779B9, number], axis=1))
    return pa.record_batch(
        [
            pa.array(np.zeros(n, np.int32)),
            pa.array(number),
            pa.FixedSizeBinaryArray.from_buffers(DOC_ID, n, [None, pa.py_buffer(identities)]),
            pa.array([f"s{d}.org" for d in domain.tolist()]),
            pa.array(urls),
            pa.array(np.where(hit, 4.0, -4.0)),
        ],
        schema=logit_schema(TARGETS),
    )


def count(model, n_pages, n_domains, batch_rows):
    """Domains, target domains, accepted patterns, and the peak bytes of one partition's tree."""
    sent = SendPages(TARGETS, N_PARTITIONS, None)
    spread = [[] for _ in range(N_PARTITIONS)]
    for first in range(0, n_pages, batch_rows):
        for batch in sent(iter([pages(first, batch_rows, n_domains)])):
            partition = batch.column(PARTITION).to_numpy()
            for number in range(N_PARTITIONS):
                chosen = batch.filter(pa.array(partition == number))
                spread[number].append(chosen.select(page_rows(TARGETS).names))
    totals, peak = np.zeros(3, np.int64), 0
    for part in spread:
        rows = pa.Table.from_batches(part)
        scores = 1 / (1 + np.exp(-rows["logit_code"].to_numpy()))
        rows = rows.set_column(5, "score_code", pa.array(scores)).cast(score_schema(TARGETS))
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        nodes = list(CountNodes(TARGETS, (model,), 4, 1)(iter(rows.to_batches())))
        held = pa.total_allocated_bytes() - before + tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        peak = max(peak, held // max(len(rows), 1))
        nodes = [batch.select(NODE.names) for batch in nodes]
        domains = pa.Table.from_batches(ListDomains(TARGETS, RULES)(iter(nodes)))
        patterns = pa.Table.from_batches(
            ProposePatterns(RULES, Annotations())(iter(nodes)), ProposePatterns.schema
        )
        totals += [
            len(domains),
            np.count_nonzero(domains["is_code"]),
            np.count_nonzero(patterns["accepted"]),
        ]
    return totals.tolist(), peak


def test_domains_and_patterns_of_many_sites(even_model):
    """Each domain is counted once, and each hit directory is accepted."""
    totals, _ = count(even_model, 40_000, 2_000, 10_000)
    assert totals == [2_000, 200, 200]


@pytest.mark.slow
def test_memory_is_that_of_a_partition(even_model):
    """Two million pages over a hundred thousand domains: under a kilobyte a page of the partition
    at work."""
    totals, peak = count(even_model, 2_000_000, 100_000, 100_000)
    assert totals == [100_000, 10_000, 10_000]
    assert peak < 1000
