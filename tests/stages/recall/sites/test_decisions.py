"""Decisions as the next iteration reads them."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from stages.recall.sites.decisions import Accept, SeedLimits, WeighDecisions, read_covers
from stages.recall.sites.proposals import ProposePatterns
from stages.recall.small_table import read_table

LIMITS = SeedLimits(None, 1000)


@dataclass(frozen=True)
class MemoryArtefact:
    """Bytes that were made once."""

    data: bytes

    def read(self):
        return self.data


def partition(*rows):
    """A partition's patterns: (pattern, pages, decision)."""
    table = [
        {
            "target": "code",
            "pattern": pattern,
            "domain": pattern.split("/")[0],
            "n_pages": n_pages,
            "accepted": accepted,
        }
        for pattern, n_pages, accepted in rows
    ]
    return pa.Table.from_pylist(table, ProposePatterns.schema).to_batches()


def accepted(limits, *partitions):
    """The artefact that the decisions of these partitions make."""
    weigh = WeighDecisions(limits)
    weighed = [batch for one in partitions for batch in weigh(iter(one))]
    return MemoryArtefact(Accept(limits)(iter(weighed)))


TREE = (
    ("a.org", 100, True),
    ("a.org/p/", 40, True),
    ("a.org/q/", 50, False),
    ("a.org/q/r/", 20, True),
    ("a.org/q/s/", 20, False),
)
REJECTED = (("b.org", 30, False), ("b.org/p/", 10, None), ("c.org/p/", 10, True))


def test_decisions_that_change_nothing_are_left_out():
    """One like the one above it, one rejected below nothing, and open ones."""
    table = read_table(accepted(LIMITS, partition(*TREE), partition(*REJECTED)))
    assert dict(zip(table["pattern"].to_pylist(), table["accepted"].to_pylist(), strict=True)) == {
        "a.org": True,
        "a.org/q/": False,
        "a.org/q/r/": True,
        "c.org/p/": True,
    }


def test_the_deepest_decision_covers_a_page():
    """As all decisions together would."""
    cover = read_covers(accepted(LIMITS, partition(*TREE), partition(*REJECTED)))["code"]
    expected = {
        "a.org/1": 1,
        "a.org/p/1": 1,
        "a.org/q/1": 0,
        "a.org/q/r/1": 1,
        "a.org/q/s/1": 0,
        "b.org/p/1": 0,
        "c.org/1": 0,
        "c.org/p/1": 1,
    }
    urls = pa.array([f"https://{url}" for url in expected])
    assert cover.shares_of(urls).tolist() == list(expected.values())


def test_shares_do_not_depend_on_partitions():
    """A domain is cut first (70 pages to 7, 10 to 7), then a target (14 pages to 10)."""
    limits = SeedLimits(7, 10)
    apart = accepted(limits, partition(*TREE), partition(*REJECTED))
    table = read_table(apart)
    shares = dict(zip(table["pattern"].to_pylist(), table["share"].to_pylist(), strict=True))
    assert shares["a.org"] == pytest.approx(0.1 * 10 / 14)
    assert shares["c.org/p/"] == pytest.approx(0.7 * 10 / 14)
    assert accepted(limits, partition(*REJECTED, *TREE)).data == apart.data


def test_nothing_accepted_covers_nothing():
    """Neither a rejected pattern nor no pattern at all."""
    assert read_covers(accepted(LIMITS, partition(("b.org", 30, False)))) == {}
    assert read_covers(accepted(LIMITS)) == {}
