"""Near-duplicate removal over a whole corpus (DeepSeek-Coder section 2.3).

    shards ─► describe ─► exact twins ─► bands, URLs ─► candidate pairs
                              │                               │
                              │      texts of candidates ─► verified pairs
                              ▼                               ▼
    every shard's verdicts ◄─ twins follow ◄─────────── near-duplicates

Captures of one URL (web) are candidates whatever their signatures say, and are dropped as `url` if
they are near-duplicates: an address says which texts to compare, not that they are equal.

Each arrow is a shuffle of narrow rows; the modules of the steps state their cost. In all: about
1.6 kB of scratch a document, 200 bytes a candidate pair and one copy of the texts.

What an option repeats: `threshold` between 0.85 and 1 the decision alone, below 0.85 candidates
and verification too; `ngram` and `cjk` everything; `exact`, `url` and `near` all but the
signatures.

Beside the verdicts stay three folders: `pairs`, the evidence; `verified` and `twins`, from which
a new threshold decides after the scratch data are gone.
"""

from typing import ClassVar

from stages.contract import Corpus, Parts, Shuffled
from stages.dedup.arrange import Arrange
from stages.dedup.arrays import DROPS, ROW_BITS, partitions_for
from stages.dedup.bands import choose_bands, stored_threshold
from stages.dedup.candidates import (
    BAND_ROWS,
    PAIRS,
    DistinctPairs,
    PairBuckets,
    SpreadBands,
)
from stages.dedup.near import PAIR_ROWS, DropNear, KeepEvidence
from stages.dedup.options import DedupOptions
from stages.dedup.preference import WEB, preference
from stages.dedup.twins import PARTITION_ROWS, Describe, JoinTexts, columns_read
from stages.dedup.verdicts import (
    DROP_ROWS,
    FollowSurvivors,
    Judge,
    ListTwins,
)
from stages.dedup.verify import (
    CELLS,
    VERIFIED,
    AnswerWithTexts,
    AskForTexts,
    SendTexts,
    Verify,
)
from stages.kernels.routes import ByHash, ByNumber, Route, ToOne

EVIDENCE_PAIRS = 10_000_000
"""Verified pairs kept as evidence; of more, an evenly drawn share."""


class DedupStage:
    """Decides which documents of a corpus repeat a kept one."""

    name: ClassVar[str] = "dedup"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("xxhash",)
    Options: ClassVar[type[DedupOptions]] = DedupOptions

    def __init__(self, options: DedupOptions) -> None:
        self._options = options

    def run(self, corpus: Corpus) -> None:
        """Say what to compute."""
        members = self._find_twins(corpus)
        n_partitions = partitions_for(corpus.n_rows(), DROP_ROWS)
        twins = corpus.map_shards("list-twins", ListTwins(), source=members, keep_as="twins")
        by_root = Route(DROPS, ByHash(("root",), n_partitions))
        drops = [corpus.shuffle("route-twins", by_root, source=twins)]
        if self._options.near or self._by_url(corpus):
            near = self._find_near(corpus, members)
            drops.append(corpus.shuffle("route-drops", by_root, source=near))
        followed = corpus.reduce_partitions(
            "follow-survivors", FollowSurvivors(), *drops, n_partitions=n_partitions
        )
        by_shard = corpus.shuffle(
            "route-to-shards", Route(DROPS, ByNumber("document", ROW_BITS)), source=followed
        )
        corpus.decide(Judge(), by_shard, reads=Judge.reads)

    def _by_url(self, corpus: Corpus) -> bool:
        return preference(corpus.name) == WEB and self._options.url

    def _find_twins(self, corpus: Corpus) -> Parts:
        order, by_url = preference(corpus.name), self._by_url(corpus)
        n_bands, rows_per_band = choose_bands(stored_threshold(self._options.threshold))
        n_partitions = partitions_for(corpus.n_rows(), PARTITION_ROWS)
        describe = Describe(order, by_url, n_bands, rows_per_band, n_partitions)
        reads = columns_read(order, by_url)
        if not self._options.exact:
            return corpus.map_shards("describe", describe, reads=reads)
        grouped = corpus.shuffle("describe", describe, reads=reads)
        return corpus.reduce_partitions(
            "join-texts", JoinTexts(), grouped, n_partitions=n_partitions
        )

    def _find_near(self, corpus: Corpus, members: Parts) -> Parts:
        threshold = self._options.threshold
        arranged = self._find_candidates(corpus, members)
        pairs = corpus.shuffle(
            "route-pairs-to-cells", Route(CELLS, ByNumber("cell")), source=arranged
        )
        verified, n_pairs = self._verify(corpus, arranged, pairs)
        rate = min(1.0, EVIDENCE_PAIRS / max(n_pairs, 1))
        corpus.map_shards(
            "keep-evidence", KeepEvidence(threshold, rate), source=verified, keep_as="pairs"
        )
        n_partitions = partitions_for(n_pairs, PAIR_ROWS)
        components = corpus.shuffle(
            "route-by-component",
            Route(VERIFIED, ByHash(("component",), n_partitions), ("similarity", threshold)),
            source=verified,
        )
        return corpus.reduce_partitions(
            "drop-near", DropNear(), components, n_partitions=n_partitions
        )

    def _find_candidates(self, corpus: Corpus, members: Parts) -> Parts:
        threshold = stored_threshold(self._options.threshold)
        n_bands, _ = choose_bands(threshold)
        near, by_url = self._options.near, self._by_url(corpus)
        n_rows = corpus.n_rows() * (n_bands * near + by_url)
        n_partitions = partitions_for(n_rows, BAND_ROWS)
        spread = SpreadBands(n_partitions, near, by_url)
        bands = corpus.shuffle("spread-bands", spread, source=members)
        repeated = corpus.reduce_partitions(
            "pair-buckets", PairBuckets(threshold), bands, n_partitions=n_partitions
        )
        routed = corpus.shuffle(
            "route-pairs", Route(PAIRS, ByHash(("left", "right"), n_partitions)), source=repeated
        )
        distinct = corpus.reduce_partitions(
            "distinct-pairs", DistinctPairs(), routed, n_partitions=n_partitions
        )
        together = corpus.shuffle("route-to-one", Route(PAIRS, ToOne()), source=distinct)
        return corpus.reduce_partitions("arrange", Arrange(), together, n_partitions=1)

    def _verify(self, corpus: Corpus, arranged: Parts, pairs: Shuffled) -> tuple[Parts, int]:
        sizes = pairs.sizes()
        n_cells = max(sizes, default=-1) + 1
        asked = corpus.shuffle("ask-for-texts", AskForTexts(), source=arranged)
        send = SendTexts(preference(corpus.name))
        sources = [asked]
        if n_cells:
            sources.append(corpus.shuffle("send-texts", send, reads=send.columns_read()))
        answered = corpus.reduce_partitions(
            "answer-with-texts", AnswerWithTexts(), *sources, n_partitions=corpus.n_shards
        )
        texts = corpus.shuffle(
            "route-texts-to-cells", Route(CELLS, ByNumber("cell")), source=answered
        )
        verify = Verify(self._options.ngram, self._options.cjk)
        verified = corpus.reduce_partitions(
            "verify", verify, pairs, texts, n_partitions=max(n_cells, 1), keep_as="verified"
        )
        return verified, sum(rows for rows, _ in sizes.values())
