"""Near-duplicate removal over a whole corpus (DeepSeek-Coder section 2.3).

    shards ─► describe ─► exact twins ─► bands, URLs ─► links ─► components
                              │                                      │
                              │        compared pairs ◄─ texts of components
                              ▼                ▼
    every shard's verdicts ◄─ twins follow ◄─ near-duplicates

Earlier runs (`against`) take part as if their kept documents were documents of this one that are
preferred to all others: their signatures are read, and of their texts those that are linked to a
document of this run. Nothing is compared among them, and none is dropped.

By `unit`, repositories stand in the place of documents, from before `describe` until their verdicts
are those of their files (`stages.dedup.repositories`).

Captures of one URL (web) are compared whatever their signatures say, and are dropped as `url` if
they are near-duplicates: an address says which texts to compare, not that they are equal.

Each arrow is a shuffle of narrow rows; the modules of the steps state their cost, and
`stages.dedup.limits` what a task holds. In all: about 0.7 kB of scratch a document, and two copies
of the texts that are compared.

What an option repeats: `threshold` between 0.85 and 1 the decision alone, unless a component has
more documents than `Limits.few`; below 0.85 links and comparisons too; `ngram` and `cjk`
everything; `exact`, `url` and `near` all but the signatures.

Beside the verdicts stay four folders: `pairs`, the evidence; `verified` and `twins`, from which
a new threshold decides after the scratch data are gone; `alarms`, what someone should look at.
"""

from collections.abc import Sequence
from typing import ClassVar

from stages.contract import ROW, SHARD, Corpus, Parts, Shuffled
from stages.dedup.alarms import find_alarms
from stages.dedup.arrange import HUGE, LARGE, SMALL, find_components
from stages.dedup.arrays import DROPS, ROW_BITS, partitions_for
from stages.dedup.bands import choose_bands, stored_threshold
from stages.dedup.huge import sieve_huge
from stages.dedup.limits import Limits
from stages.dedup.links import LinkBuckets, SpreadBands
from stages.dedup.near import DropNear, KeepEvidence
from stages.dedup.options import DedupOptions
from stages.dedup.preference import WEB, preference
from stages.dedup.repositories.answers import answer_files
from stages.dedup.repositories.gathering import gather_repositories
from stages.dedup.sets import VERIFIED
from stages.dedup.sieve import Sieve
from stages.dedup.texts import AnswerWithTexts, AskForTexts, PickTexts, SendTexts, ToCells
from stages.dedup.twins import Describe, JoinTexts, columns_read
from stages.dedup.verdicts import (
    FollowSurvivors,
    Judge,
    ListTwins,
)
from stages.dedup.verify import Verify
from stages.kernels.routes import ByHash, ByNumber, Route

EVIDENCE_DOCUMENTS = 5_000_000
"""Documents whose compared pairs are kept as evidence; of more, an evenly drawn share of pairs."""


class DedupStage:
    """Decides which documents of a corpus repeat a kept one."""

    name: ClassVar[str] = "dedup"
    version: ClassVar[int] = 4
    libraries: ClassVar[tuple[str, ...]] = ("xxhash",)
    Options: ClassVar[type[DedupOptions]] = DedupOptions

    def __init__(self, options: DedupOptions, limits: Limits | None = None) -> None:
        self._options = options
        self._limits = limits or Limits()

    def run(self, corpus: Corpus) -> None:
        """Say what to compute."""
        units = None
        if self._options.unit == "repository":
            units = gather_repositories(corpus, self._options, self._limits.repository_bytes)
        earlier = corpus.earlier()
        runs = (corpus, *earlier.values())
        members = self._find_twins(runs, units)
        n_partitions = partitions_for(corpus.n_rows(), self._limits.drop_rows)
        twins = corpus.map_shards("list-twins", ListTwins(), source=members, keep_as="twins")
        by_root = Route(DROPS, ByHash(("root",), n_partitions))
        drops = [corpus.shuffle("route-twins", by_root, source=twins)]
        if self._options.near or self._by_url(corpus):
            near = self._find_near(runs, tuple(earlier), members, units)
            drops.append(corpus.shuffle("route-drops", by_root, source=near))
        else:
            self._keep_no_pairs(corpus)
        followed = corpus.reduce_partitions(
            "follow-survivors", FollowSurvivors(), *drops, n_partitions=n_partitions
        )
        if units is not None:
            followed = answer_files(corpus, followed, self._limits.file_rows)
        by_shard = corpus.shuffle(
            "route-to-shards", Route(DROPS, ByNumber("document", ROW_BITS)), source=followed
        )
        columns = self._columns_read(corpus)
        judge = Judge({name: one.content(columns) for name, one in earlier.items()})
        corpus.decide(judge, by_shard, reads=Judge.reads)
        find_alarms(corpus, self._options.unit, followed, by_shard, self._limits.file_rows)

    def _by_url(self, corpus: Corpus) -> bool:
        return preference(corpus.name) == WEB and self._options.url

    def _columns_read(self, corpus: Corpus) -> list[str]:
        """What is read of an earlier run."""
        order, by_url = preference(corpus.name), self._by_url(corpus)
        send = SendTexts(order, by_url)
        names = dict.fromkeys((*columns_read(order, by_url), *send.columns_read()))
        return [name for name in names if name not in (SHARD, ROW)]

    def _find_twins(self, runs: Sequence[Corpus], units: Parts | None) -> Parts:
        corpus = runs[0]
        order, by_url = preference(corpus.name), self._by_url(corpus)
        n_bands, rows_per_band = choose_bands(stored_threshold(self._options.threshold))
        n_partitions = partitions_for(_n_documents(runs), self._limits.text_rows)
        reads = columns_read(order, by_url)
        grouped = []
        for run, one in enumerate(runs):
            describe = Describe(order, by_url, n_bands, rows_per_band, n_partitions, run)
            source = None if run else units
            name = _in_room(run, "describe")
            grouped.append(one.shuffle(name, describe, reads=reads, source=source))
        return corpus.reduce_partitions(
            "join-texts", JoinTexts(self._options.exact), *grouped, n_partitions=n_partitions
        )

    def _find_near(
        self,
        runs: Sequence[Corpus],
        names: tuple[str, ...],
        members: Parts,
        units: Parts | None,
    ) -> Parts:
        corpus = runs[0]
        texts = self._find_texts(runs, members, units)
        verified, n_documents = self._verify(corpus, texts)
        threshold = self._options.threshold
        n_partitions = partitions_for(n_documents, self._limits.pair_documents)
        by_component = Route(VERIFIED, ByHash(("component",), n_partitions), ("similarity", 0.0))
        pairs = [
            corpus.shuffle(f"{number}/route-by-component", by_component, source=parts)
            for number, parts in enumerate(verified)
        ]
        rate = min(1.0, EVIDENCE_DOCUMENTS / max(n_documents, 1))
        evidence = KeepEvidence(threshold, rate, names)
        corpus.reduce_partitions(
            "keep-evidence", evidence, *pairs, n_partitions=n_partitions, keep_as="pairs"
        )
        return corpus.reduce_partitions(
            "drop-near", DropNear(threshold), *pairs, n_partitions=n_partitions
        )

    def _keep_no_pairs(self, corpus: Corpus) -> None:
        """Nothing is compared: what an earlier run compared is no evidence of this one."""
        evidence = KeepEvidence(self._options.threshold, 1.0, ())
        corpus.reduce_partitions("keep-evidence", evidence, n_partitions=0, keep_as="pairs")
        corpus.reduce_partitions("verify", self._verifier(), n_partitions=0, keep_as="verified")

    def _find_texts(
        self, runs: Sequence[Corpus], members: Parts, units: Parts | None
    ) -> list[Parts]:
        """The texts of all that is linked: documents, or `units` in their place; those of each
        run."""
        corpus = runs[0]
        by_url = self._by_url(corpus)
        n_documents = _n_documents(runs)
        n_bands, _ = choose_bands(stored_threshold(self._options.threshold))
        spread = SpreadBands(
            partitions_for(
                n_documents * (n_bands * self._options.near + by_url), self._limits.band_rows
            ),
            self._options.near,
            by_url,
        )
        link = LinkBuckets(stored_threshold(self._options.threshold))
        arranged = find_components(corpus, members, n_documents, spread, link, self._limits)
        order = preference(corpus.name)
        is_linked = False
        answered: list[Parts] = []
        for run, one in enumerate(runs):
            name = _in_room(run, "ask-for-texts")
            asked = corpus.shuffle(name, AskForTexts(run), source=arranged)
            send = SendTexts(order, by_url, run)
            shards = asked.sizes()
            if run == 0:
                is_linked = bool(shards)
            if run == 0 and units is not None:
                answered.append(_join_units(corpus, send, units, asked))
            elif run == 0 or is_linked:
                name = _in_room(run, "pick-texts")
                reads = send.columns_read()
                pick = PickTexts(send)
                answered.append(one.pick_rows(name, pick, asked, reads=reads, shards=shards))
        return answered

    def _verify(self, corpus: Corpus, texts: Sequence[Parts]) -> tuple[list[Parts], int]:
        """Compared pairs, and how many documents there are to compare."""
        options = self._options
        small, large, huge = (
            [
                corpus.shuffle(_in_room(run, name), ToCells(kind), source=parts)
                for run, parts in enumerate(texts)
            ]
            for name, kind in (("route-small", SMALL), ("route-large", LARGE), ("route-huge", HUGE))
        )
        verify = self._verifier()
        n_cells = max(1, _n_cells(small))
        verified: list[Parts] = [
            corpus.reduce_partitions(
                "verify", verify, *small, n_partitions=n_cells, keep_as="verified"
            )
        ]
        rule = Sieve(options.ngram, options.cjk, options.threshold)
        if n_cells := _n_cells(large):
            verified.append(corpus.reduce_partitions("sieve", rule, *large, n_partitions=n_cells))
        if n_cells := _n_cells(huge):
            verified += sieve_huge(corpus, huge, n_cells, rule, self._limits.task_shingles)
        compared = (one.sizes() for one in (*small, *large, *huge))
        return verified, sum(rows for sizes in compared for rows, _ in sizes.values())

    def _verifier(self) -> Verify:
        options = self._options
        return Verify(options.ngram, options.cjk, stored_threshold(options.threshold))


def _join_units(corpus: Corpus, send: SendTexts, units: Parts, asked: Shuffled) -> Parts:
    """The texts of the units that were asked for: those lie in no shard, and are sent there."""
    sources = [asked]
    if asked.sizes():
        sources.append(corpus.shuffle("send-texts", send, source=units))
    return corpus.reduce_partitions(
        "answer-with-texts", AnswerWithTexts(), *sources, n_partitions=corpus.n_shards
    )


def _in_room(run: int, name: str) -> str:
    """A step's name, apart from that of the same step for another run."""
    return f"earlier-{run}/{name}" if run else name


def _n_documents(runs: Sequence[Corpus]) -> int:
    return sum(one.n_rows() for one in runs)


def _n_cells(routed: Sequence[Shuffled]) -> int:
    """One more than the last cell that has a text."""
    return 1 + max((cell for one in routed for cell in one.sizes()), default=-1)
