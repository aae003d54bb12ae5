"""What an iteration found, summed over partitions."""

from itertools import pairwise

import pyarrow as pa

from stages.recall.found import SumDomains, SumPatterns, describe_found
from stages.recall.sites.pattern_rules import PatternRules
from stages.recall.sites.proposals import ListDomains, ProposePatterns

DOMAINS = (("c.org", 5, 0), ("a.org", 30, 20), ("b.org", 30, 20), ("d.org", 9, 9))
PATTERNS = (("code", True), ("code", None), ("code", False), ("math", None))


def described(*cuts):
    """The description with the rows cut into partitions at these places."""
    rules = PatternRules(0.1, 0.5, 3, by_rule=True)
    schema = ListDomains(("code",), rules).schema
    domains = [
        {"domain": name, "n_pages": n, "n_recalled_code": k, "share_code": k / n, "is_code": k > 0}
        for name, n, k in DOMAINS
    ]
    patterns = [{"target": target, "accepted": accepted} for target, accepted in PATTERNS]
    edges = [0, *cuts, 4]
    summed = [
        [
            batch
            for start, end in pairwise(edges)
            for batch in step(iter(pa.Table.from_pylist(rows[start:end], own).to_batches()))
        ]
        for step, rows, own in (
            (SumDomains(("code",)), domains, schema),
            (SumPatterns(), patterns, ProposePatterns.schema),
        )
    ]
    return describe_found(("code",), *map(iter, summed))


def test_sums_do_not_depend_on_partitions():
    """Of several largest domains the first by name is named, wherever it lies."""
    expected = {
        "n_pages": 74,
        "n_recalled": 49,
        "n_domains": 3,
        "largest_domain": {"domain": "a.org", "n_pages": 20},
        "n_patterns": 3,
        "n_patterns_accepted": 1,
        "n_patterns_open": 1,
    }
    for cuts in ((), (2,), (1, 2, 2, 3)):
        assert described(*cuts) == ({"domain": "a.org", "n_pages": 30}, {"code": expected})


def test_nothing_found_has_no_largest_domain():
    """A crawl without pages."""
    largest, found = describe_found(("code",), iter(()), iter(()))
    assert largest is None
    assert found["code"]["largest_domain"] is None
    assert found["code"]["n_patterns"] == 0
