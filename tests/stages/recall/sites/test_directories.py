"""Scores of directories, and the tree of patterns."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

from schemas.identity import doc_id
from stages.contract import PARTITION
from stages.kernels.paths import string_hashes
from stages.recall.classifier.calibrate import Calibration, HeldOut
from stages.recall.classifier.evidence import MARKUP, PageEvidence, fit_weights
from stages.recall.classifier.score import logit_schema, score_schema
from stages.recall.metrics import precision_fell
from stages.recall.sites.annotations import Annotations, Decision
from stages.recall.sites.decisions import Accept, SeedLimits, WeighDecisions, read_covers
from stages.recall.sites.directories import JudgeByDirectory, SendPages, directory_means, page_rows
from stages.recall.sites.large_sites import SITES, CountSites, KeepLargeSites, WriteSites
from stages.recall.sites.nodes import CountNodes
from stages.recall.sites.pattern_rules import PatternRules
from stages.recall.sites.proposals import ListDomains, ProposePatterns

RULES = PatternRules(0.1, 0.5, 3, by_rule=True)


@dataclass(frozen=True)
class MemoryArtefact:
    """Bytes that were made once."""

    data: bytes

    def read(self):
        return self.data


@pytest.fixture(scope="module")
def model(even_model):
    """A model file whose threshold is one half."""
    return even_model


def logits(urls, values):
    """A batch of `ScorePages`."""
    n = len(urls)
    return pa.record_batch(
        [
            pa.array([0] * n, pa.int32()),
            pa.array(range(n), pa.int64()),
            pa.array([doc_id(url) for url in urls], pa.binary(16)),
            pa.array([url.partition("://")[2].split("/")[0].split(".", 1)[-1] for url in urls]),
            pa.array(urls),
            pa.array([100] * n, pa.int32()),
            pa.array(values, pa.float64()),
        ],
        schema=logit_schema(("code",)),
    )


def judged(model, urls, values, decisions=(), centre=0.0):
    """The scores of pages."""
    sent = SendPages(("code",), 1, None)(iter([logits(urls, values)]))
    rows = (batch.select(page_rows(("code",)).names) for batch in sent)
    centres = MemoryArtefact(json.dumps({"code": centre}).encode())
    annotations = Annotations(tuple(decisions))
    step = JudgeByDirectory(("code",), ((model,),), centres, 2.0, 4, annotations, 1)
    table = pa.Table.from_batches(step(rows), score_schema(("code",)))
    return dict(zip(table["url"].to_pylist(), table["score_code"].to_pylist(), strict=True))


def nodes_of(model, urls, values, parts=1):
    """Nodes of pages that lie in `parts` partitions."""
    site = pa.record_batch([string_hashes(pa.array(["a.org"])), [len(urls)]], schema=SITES)
    large = MemoryArtefact(WriteSites()(iter([site]))) if parts > 1 else None
    step = CountNodes(("code",), (model,), 4, 1, large)
    batches = []
    for part in range(parts):
        batch = logits(urls[part::parts], values[part::parts])
        scores = 1 / (1 + np.exp(-batch.column("logit_code").to_numpy()))
        table = pa.Table.from_batches([batch]).drop_columns(["logit_code"])
        table = table.append_column("score_code", pa.array(scores))
        table = table.append_column("iteration", pa.nulls(len(table), pa.int32()))
        batches += [b.drop_columns([PARTITION]) for b in step(iter(table.to_batches()))]
    return batches


def test_the_mean_of_a_directory_is_drawn_to_its_parent():
    """(sum + weight * parent) / (pages + weight), level by level."""
    levels = np.array([[1, 2], [1, 2], [1, 0]], np.uint64)
    means = directory_means(np.array([3.0, 1.0, -1.0]), levels, 2.0, 0.0)
    outer = 3.0 / (3 + 2)
    inner = (4.0 + 2 * outer) / (2 + 2)
    assert means.tolist() == pytest.approx([inner, inner, outer])


def test_a_page_follows_its_directory(model):
    """A lone miss among hits is recalled; its like elsewhere is not; order within stays."""
    urls = [f"http://x.a.org/docs/{n}" for n in range(9)] + ["http://x.b.org/9"]
    scores = judged(model, urls, [3.0] * 8 + [-1.0, -1.0])
    assert scores["http://x.a.org/docs/8"] > 0.5 > scores["http://x.b.org/9"]
    assert scores["http://x.a.org/docs/0"] > scores["http://x.a.org/docs/8"]


def test_the_deepest_decision_of_a_person_wins(model):
    """Over scores and over a decision about the host."""
    urls = ["http://x.a.org/docs/1", "http://x.a.org/news/1", "http://x.b.org/docs/1"]
    decisions = [Decision("code", "x.a.org", False), Decision("code", "x.a.org/docs/", True)]
    scores = judged(model, urls, [-3.0, 3.0, 3.0], decisions)
    assert [scores[url] > 0.5 for url in urls] == [True, False, True]


def test_log_odds_are_counted_from_the_centre(model):
    """A page just above the calibrated point is below the crawl's; a person's yes stays one."""
    url = "http://x.a.org/docs/1"
    assert judged(model, [url], [2.0])[url] > 0.5 > judged(model, [url], [2.0], centre=1.5)[url]
    decisions = [Decision("code", "x.a.org", True)]
    assert judged(model, [url], [-3.0], decisions, centre=1.5)[url] > 0.5


def test_patterns_have_hit_rates_and_examples(model):
    """Host and directory; a directory with all its parent's pages is not proposed."""
    urls = [f"http://x.a.org/3/lib/{n}" for n in range(6)] + [
        f"http://x.a.org/old/{n}" for n in range(4)
    ]
    nodes = nodes_of(model, urls, [2.0] * 6 + [-2.0] * 3 + [2.0])
    rows = pa.Table.from_batches(ProposePatterns(RULES, Annotations())(iter(nodes))).to_pylist()
    found = {r["pattern"]: (r["n_pages"], r["n_recalled"], r["depth"], r["accepted"]) for r in rows}
    assert found == {
        "x.a.org": (10, 7, 0, True),
        "x.a.org/3/": (6, 6, 1, True),
        "x.a.org/old/": (4, 1, 1, False),
    }
    assert {r["decided_by"] for r in rows} == {"rule"}
    assert [len(r["examples"]) for r in rows] == [8, 6, 4]
    assert all(r["hit_rate"] == r["n_recalled"] / r["n_pages"] for r in rows)


def test_a_site_in_several_partitions_is_counted_whole(model):
    """Its domain and patterns have the counts they have in one."""
    urls = [f"http://x.a.org/{n % 3}/p/{n}" for n in range(60)]
    values = [2.0 if n % 3 else -2.0 for n in range(60)]
    tables = []
    for parts in (1, 3):
        nodes = nodes_of(model, urls, values, parts)
        patterns = pa.Table.from_batches(ProposePatterns(RULES, Annotations())(iter(nodes)))
        domains = pa.Table.from_batches(ListDomains(("code",), RULES)(iter(nodes)))
        tables.append((patterns.drop_columns(["examples"]).to_pylist(), domains.to_pylist()))
    assert tables[0] == tables[1]
    (row,) = tables[0][1]
    assert (row["n_pages"], row["n_recalled_code"], row["is_code"]) == (60, 40, True)


def test_a_domain_needs_more_than_a_tenth(model):
    """One page of ten is not over a tenth; two are."""
    for n, expected in ((1, False), (2, True)):
        assert RULES.is_domain(10, n) is expected


def test_a_person_decides_below_a_pattern_and_leaves_the_rest_open(model):
    """An answer about a host holds for its directories; without one a pattern stays null."""
    urls = [f"http://{h}.a.org/{d}/{n}" for h in "xy" for d in "pq" for n in range(4)]
    nodes = nodes_of(model, urls, [2.0] * len(urls))
    answers = Annotations(
        (Decision("code", "x.a.org", True), Decision("code", "x.a.org/q/", False))
    )
    step = ProposePatterns(replace(RULES, by_rule=False), answers)
    rows = pa.Table.from_batches(step(iter(nodes))).to_pylist()
    assert {r["pattern"]: (r["accepted"], r["decided_by"]) for r in rows} == {
        "x.a.org": (True, "person"),
        "x.a.org/p/": (True, "person"),
        "x.a.org/q/": (False, "person"),
        "y.a.org": (None, None),
        "y.a.org/p/": (None, None),
        "y.a.org/q/": (None, None),
    }


def test_the_rest_may_be_left_to_the_rule(model):
    """What nobody decided is then accepted or rejected as without a person."""
    urls = [f"http://{h}.a.org/{n}" for h in "xyz" for n in range(4)]
    nodes = nodes_of(model, urls, [2.0] * 8 + [2.0, -9.0, -9.0, -9.0])
    answers = Annotations((Decision("code", "x.a.org", False),), (("code", 1),))
    step = ProposePatterns(replace(RULES, by_rule=False), answers)
    rows = pa.Table.from_batches(step(iter(nodes))).to_pylist()
    assert {r["pattern"]: (r["accepted"], r["decided_by"]) for r in rows} == {
        "x.a.org": (False, "person"),
        "y.a.org": (True, "rule"),
        "z.a.org": (False, "rule"),
    }


def test_grown_pages_are_shared_among_domains(model):
    """Of a domain about `per_domain` pages are drawn; a rejected directory gives none."""
    urls = [f"http://x.a.org/{d}/{n}" for d in "pq" for n in range(10)]
    nodes = nodes_of(model, urls, [2.0] * 20)
    answers = Annotations((Decision("code", "x.a.org/q/", False),))
    patterns = list(ProposePatterns(RULES, answers)(iter(nodes)))
    limits = SeedLimits(4, 1000)
    accepted = Accept(limits)(WeighDecisions(limits)(iter(patterns)))
    cover = read_covers(MemoryArtefact(accepted))["code"]
    shares = cover.shares_of(pa.array([*urls, "http://z.a.org/p/1"]))
    assert shares[:10].tolist() == pytest.approx([0.4] * 10)
    assert shares[10:].tolist() == [0.0] * 11


def test_a_large_site_is_split(monkeypatch):
    """Its directories, and a large directory's pages, meet in several partitions."""
    monkeypatch.setattr("stages.recall.sites.directories.SPLIT_PAGES", 50)
    urls = [f"http://x.a.org/big/{n}" for n in range(300)] + ["http://x.b.org/1"] * 20
    batch = logits(urls, [0.0] * len(urls))
    counts = [b.drop_columns([PARTITION]) for b in CountSites(8)(iter([batch]))]
    large = MemoryArtefact(WriteSites()(KeepLargeSites(50)(iter(counts))))
    (sent,) = SendPages(("code",), 64, large)(iter([batch]))
    partitions = sent.column(PARTITION).to_numpy()
    assert len(set(partitions[:300])) == 7
    assert len(set(partitions[300:])) == 1


def test_markup_speaks_for_a_target_and_never_against():
    """Weights of markup that would be negative are zero."""
    random = np.random.default_rng(0)
    positive = np.repeat([True, False], 200)
    n_blocks, n_expressions = positive * random.integers(0, 5, 400), ~positive * 3
    columns = dict.fromkeys(MARKUP, np.zeros(400, np.int64))
    columns |= {"n_code_blocks": n_blocks, "n_expressions": n_expressions}
    markup = np.stack([columns[name] for name in MARKUP], axis=1)
    weights, _ = fit_weights(random.normal(0, 1, 400), markup, positive)
    assert weights[1] > 0
    assert weights[3:] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("n_code_bytes", "n_expressions", "expected"),
    [(0, 0, 0.0), (0, 1, 1.0), (0, 4, 2.0), (0, 500, 50**0.5), (50, 16, 2.0), (100, 9, 0.0)],
)
def test_a_page_is_mathematical_by_the_root_of_its_formulas(n_code_bytes, n_expressions, expected):
    """The first says most, those beyond fifty nothing; all less the more of the page is code."""
    page = PageEvidence((1.0, 0.0, 0.0, 0.0, 0.0, 1.0), 0.0, Calibration(1.0, 0.5))
    markup = np.array([[100, 1, n_code_bytes, 0, n_expressions]])
    assert page.logits(np.zeros(1), markup).tolist() == [expected]


@pytest.mark.parametrize(
    ("before", "after", "high", "fell"),
    [(0.99, 0.90, 0.93, True), (0.95, 0.94, 0.96, False), (0.9, 0.95, 0.97, False)],
)
def test_an_iteration_is_rejected_beyond_its_interval(before, after, high, fell):
    """A small loss of precision is not one."""
    new = HeldOut(500, 500, after, 1.0, precision_high=high)
    assert precision_fell(HeldOut(500, 500, before, 1.0), new) is fell


def test_a_lone_page_is_no_directory(model):
    """What has no pages beside it proposes nothing."""
    nodes = nodes_of(model, ["http://x.a.org/p/1"], [3.0])
    assert list(ProposePatterns(RULES, Annotations())(iter(nodes))) == []
