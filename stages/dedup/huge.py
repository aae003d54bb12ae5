"""A component too large for one task, sieved in rounds.

The most preferred of its documents, as many as a task can hold, are sieved by themselves: nobody
else can drop them. What they drop is gone; those that are kept meet all the others, wherever these
lie, and drop from them. With what is left it begins again. So those are kept that one task would
keep, however the rounds are cut; only `duplicate_of` is the most similar one of the round that
drops a document.

A cluster of near-duplicates of any size takes two rounds. One whose documents are all kept takes as
many as it has tasks, and reads what is left each time.

Cost: two copies of what is left in scratch a round; a task holds the shingles of the first, or of
those of them that are kept, as `stages.dedup.sieve` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Batches, Corpus, Parts, Shuffled
from stages.dedup.arrange import DOCUMENT_SHINGLES, HUGE
from stages.dedup.arrays import DOC_ID, RANK_HIGH, RANK_LOW, digests, emit, gather, numbers
from stages.dedup.sets import VERIFIED, read_sets
from stages.dedup.sieve import Kept, Sieve, links_to_kept, sieve
from stages.dedup.texts import TEXTS
from stages.kernels.arrow import utf8_buffers
from stages.kernels.routes import spread_digests
from stages.kernels.shingles import distinct_shingles

SIEVED = pa.schema([*TEXTS, *list(VERIFIED)[1:]])
"""Texts, and links to kept documents, which have no `text`."""

Cut = tuple[int, int, str]
"""Rank and doc_id (hexadecimal) of the last of a round's first documents."""


def sieve_huge(
    corpus: Corpus, spread: Sequence[Shuffled], n_parts: int, rule: Sieve, task_shingles: int
) -> list[Parts]:
    """Texts, spread over `n_parts` tasks → the links that `rule` would make, in rows that may be
    texts instead."""
    rest = corpus.reduce_partitions("hold-huge", Hold(), *spread, n_partitions=n_parts)
    links: list[Parts] = []
    while True:
        number = 1 + len(links) // 2
        place = f"huge-{number}"
        find = FindCut(rule.ngram, rule.cjk, task_shingles // n_parts)
        # Kept: what follows depends on it, also when nothing is to be done.
        cuts = corpus.map_shards(f"{place}/find-cut", find, source=rest, keep_as=f"cuts/{number}")
        cut = first_cut(cuts)
        first = corpus.shuffle(f"{place}/take-first", TakeFirst(cut), source=rest)
        sieved = corpus.reduce_partitions(
            f"{place}/sieve-first", SieveFirst(rule), first, n_partitions=1
        )
        links.append(sieved)
        if cut is None:
            return links
        kept = corpus.shuffle(f"{place}/tell-kept", TellAll(n_parts), source=sieved)
        others = corpus.shuffle(f"{place}/take-others", TakeOthers(cut, n_parts), source=rest)
        rest = corpus.reduce_partitions(
            f"{place}/sieve-others", SieveOthers(rule), kept, others, n_partitions=n_parts
        )
        links.append(rest)


def first_cut(cuts: Parts) -> Cut | None:
    """The most preferred place where a part is cut; None if none is."""
    rows = (row for batch in cuts.read() for row in batch.to_pylist())
    return min(
        ((row["rank_high"], row["rank_low"], row["doc_id"].hex()) for row in rows), default=None
    )


@dataclass(frozen=True)
class Hold:
    """Texts as they are."""

    schema: ClassVar[pa.Schema] = SIEVED

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            yield from emit(SIEVED, _texts(batch))


@dataclass(frozen=True)
class FindCut:
    """A part of the texts → where its most preferred ones reach `n_shingles`, if they do."""

    ngram: int
    cjk: bool
    n_shingles: int

    schema: ClassVar[pa.Schema] = pa.schema([RANK_HIGH, RANK_LOW, DOC_ID])

    def __call__(self, batches: Batches) -> Batches:
        keys: list[pa.RecordBatch] = []
        sizes: list[npt.NDArray[np.int64]] = []
        for batch in map(only_texts, batches):
            keys.append(batch.select(self.schema.names))
            ends, _ = distinct_shingles(*utf8_buffers(batch["text"]), self.ngram, self.cjk)
            sizes.append(np.diff(ends) + DOCUMENT_SHINGLES)
        table = gather(keys, self.schema)
        order = _by_preference(table)
        held = np.cumsum(np.concatenate([*sizes, np.zeros(0, np.int64)])[order])
        if len(held) and held[-1] > self.n_shingles:
            last = max(0, int(np.searchsorted(held, self.n_shingles, side="right")) - 1)
            yield from table.take(pa.array(order[last : last + 1])).to_batches()


@dataclass(frozen=True)
class TakeFirst:
    """The texts up to the cut, to one task; all if there is none."""

    cut: Cut | None

    schema: ClassVar[pa.Schema] = SIEVED

    def __call__(self, batches: Batches) -> Batches:
        for batch in map(only_texts, batches):
            first = batch.filter(pa.array(is_first(batch, self.cut)))
            yield from emit(SIEVED, _texts(first) | {"partition": np.zeros(len(first), np.uint32)})


@dataclass(frozen=True)
class TakeOthers:
    """The texts behind the cut, spread over the parts."""

    cut: Cut
    n_parts: int

    schema: ClassVar[pa.Schema] = SIEVED

    def __call__(self, batches: Batches) -> Batches:
        for batch in map(only_texts, batches):
            others = batch.filter(pa.array(~is_first(batch, self.cut)))
            partition = spread_digests(digests(others, "doc_id"), self.n_parts)
            yield from emit(SIEVED, _texts(others) | {"partition": partition})


@dataclass(frozen=True)
class TellAll:
    """Kept texts → each to every part."""

    n_parts: int

    schema: ClassVar[pa.Schema] = SIEVED

    def __call__(self, batches: Batches) -> Batches:
        for batch in map(only_texts, batches):
            columns = _texts(batch) | {"kind": pa.array(np.full(len(batch), KEPT, np.uint8))}
            for part in range(self.n_parts):
                yield from emit(
                    SIEVED, columns | {"partition": np.full(len(batch), part, np.uint32)}
                )


KEPT = HUGE + 1
"""The kind of the texts that were kept."""


@dataclass(frozen=True)
class SieveFirst:
    """The first ones → the texts of those that are kept, and the links of the others."""

    rule: Sieve

    schema: ClassVar[pa.Schema] = SIEVED

    def __call__(self, batches: Batches) -> Batches:
        held = list(batches)
        sets = read_sets(iter(held), self.rule.ngram, self.rule.cjk)
        nearest, similarity = sieve(sets, self.rule.threshold)
        dropped = numbers(sets.known, "document")[similarity >= self.rule.threshold]
        for batch in held:
            yield from emit(SIEVED, _texts(_without(batch, dropped)))
        yield from emit(SIEVED, _links(links_to_kept(sets, sets.known, nearest, similarity)))


@dataclass(frozen=True)
class SieveOthers:
    """The kept ones, then a part of the others → the texts of those that are not dropped, and the
    links of those that are."""

    rule: Sieve

    schema: ClassVar[pa.Schema] = SIEVED

    def __call__(self, batches: Batches) -> Batches:
        told: list[pa.RecordBatch] = []
        kept: Kept | None = None
        for batch in batches:
            is_kept = pc.equal(batch["kind"], KEPT)
            told.append(batch.filter(is_kept))
            others = batch.filter(pc.invert(is_kept))
            if others.num_rows == 0:
                continue
            if kept is None:
                sets = read_sets(iter(told), self.rule.ngram, self.rule.cjk)
                kept = Kept(sets, self.rule.threshold)
            probed = read_sets(iter([others]), self.rule.ngram, self.rule.cjk)
            nearest, similarity = kept.nearest(probed)
            near = similarity >= self.rule.threshold
            nearest[~near] = -1
            yield from emit(
                SIEVED, _links(links_to_kept(probed, kept.sets.known, nearest, similarity))
            )
            dropped = numbers(probed.known, "document")[near]
            yield from emit(SIEVED, _texts(_without(others, dropped)))


def only_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Without the links."""
    return batch.filter(batch["text"].is_valid())


def is_first(batch: pa.RecordBatch, cut: Cut | None) -> npt.NDArray[np.bool_]:
    """Whether each row is preferred to the cut, or it."""
    if cut is None:
        return np.ones(batch.num_rows, np.bool_)
    high, low = numbers(batch, "rank_high"), numbers(batch, "rank_low")
    tie = (high == cut[0]) & (low == cut[1])
    lesser = (high < cut[0]) | ((high == cut[0]) & (low < cut[1]))
    result: npt.NDArray[np.bool_] = lesser | (
        tie & (digests(batch, "doc_id") <= np.bytes_(bytes.fromhex(cut[2])))
    )
    return result


def _by_preference(table: pa.Table) -> npt.NDArray[np.int64]:
    keys = (digests(table, "doc_id"), numbers(table, "rank_low"), numbers(table, "rank_high"))
    return np.lexsort(keys)


def _without(batch: pa.RecordBatch, documents: npt.NDArray[np.int64]) -> pa.RecordBatch:
    return batch.filter(pa.array(~np.isin(numbers(batch, "document"), documents)))


def _texts(batch: pa.RecordBatch) -> dict[str, object]:
    nothing = {field.name: pa.nulls(batch.num_rows, field.type) for field in SIEVED}
    return nothing | {name: batch[name] for name in TEXTS.names}


def _links(columns: dict[str, object]) -> dict[str, object]:
    n_rows = len(columns["left"])  # type: ignore[arg-type]
    nothing = {field.name: pa.nulls(n_rows, field.type) for field in SIEVED}
    return nothing | columns
