"""Who was dropped wrongly and who was missed, by comparing everything with everything.

Two documents that share no shingle have nothing in common, so of every document the shingles are
looked up in the lists of who has them and counted: each pair's exact Jaccard similarity, without a
signature, a band or a bound. Words are `\\w+|[^\\w\\s]`, five to a shingle, which is a number of 64
bits. Of a large corpus an evenly drawn share of documents is compared with all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from benchmarks.near_duplicates.peers import NGRAM, THRESHOLD, TOKEN, read_rows

Int64 = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
FACTORS = np.random.default_rng(1).integers(1, 2**63, NGRAM, np.uint64) * np.uint64(2) + np.uint64(
    1
)


@dataclass
class Judgement:
    """Of the documents that were compared."""

    removed: int
    false: int
    """Removed, and no kept document reaches the threshold."""
    missed: int
    """Pairs at the threshold of which both are kept."""
    pairs: int
    """Pairs at the threshold, of equal texts too."""


def set_of(text: str) -> Words:
    """The document's shingles, ascending."""
    words = np.fromiter(map(hash, TOKEN.findall(text)), np.int64).astype(np.uint64)
    if len(words) < NGRAM:
        return np.array([hash(tuple(words.tolist()))], np.int64).astype(np.uint64)
    n = len(words) - NGRAM + 1
    mixed = np.zeros(n, np.uint64)
    for place, factor in enumerate(FACTORS):
        mixed = (mixed ^ (mixed >> np.uint64(29))) * factor + words[place : place + n]
    return np.unique(mixed)


def judge(source: Path, kept_ids: Sequence[Sequence[str]], share: float) -> list[Judgement]:
    """What to say of each answer."""
    names: list[str] = []
    held: list[Words] = []
    owners: list[int] = []
    for number, (name, text) in enumerate(read_rows(source)):
        names.append(name)
        if number * 0.6180339887 % 1 < share:
            held.append(set_of(text))
            owners.append(number)
    sizes = np.array([len(one) for one in held])
    words = np.concatenate(held)
    of = np.repeat(np.arange(len(held)), sizes)
    held.clear()
    order = np.argsort(words, kind="stable")
    words, of = words[order], of[order]
    starts = np.flatnonzero(np.r_[True, words[1:] != words[:-1]])
    keys, ends = words[starts], np.r_[starts, len(words)]
    place = {name: number for number, name in enumerate(names)}
    kept = np.zeros((len(kept_ids), len(names)), np.bool_)
    for row, ids in enumerate(kept_ids):
        kept[row, [place[one] for one in ids]] = True
    asked = np.array(owners)
    best = np.zeros((len(kept_ids), len(asked)))
    missed = np.zeros(len(kept_ids), np.int64)
    counts, touched = np.zeros(len(asked), np.int64), np.zeros(len(asked), np.int64)
    among = np.isin(np.arange(len(names)), asked)
    n_pairs = 0
    for number, (_, text) in enumerate(read_rows(source)):
        one = set_of(text)
        at = np.searchsorted(keys, one)
        at = at[at < len(keys)]
        at = at[keys[at] == one[: len(at)]] if len(at) == len(one) else at[np.isin(keys[at], one)]
        n_pairs += count_shared(
            at,
            ends,
            of,
            sizes,
            asked,
            len(one),
            number,
            among[number],
            kept,
            best,
            missed,
            counts,
            touched,
            THRESHOLD,
        )
    gone = ~kept[:, asked]
    return [
        Judgement(
            int(gone[row].sum()),
            int((gone[row] & (best[row] < THRESHOLD)).sum()),
            int(missed[row]),
            n_pairs,
        )
        for row in range(len(kept_ids))
    ]


@njit(cache=True)
def count_shared(
    at: Int64,
    ends: Int64,
    of: Int64,
    sizes: Int64,
    asked: Int64,
    size: int,
    number: int,
    is_asked: bool,
    kept: Any,
    best: Any,
    missed: Int64,
    counts: Int64,
    touched: Int64,
    threshold: float,
) -> int:
    """Compare one document with all that are asked for; how many pairs reach the threshold."""
    n_touched = 0
    for key in at:
        for place in range(ends[key], ends[key + 1]):
            other = of[place]
            if counts[other] == 0:
                touched[n_touched] = other
                n_touched += 1
            counts[other] += 1
    n_pairs = 0
    for slot in range(n_touched):
        other = touched[slot]
        shared = counts[other]
        counts[other] = 0
        if asked[other] == number:
            continue
        similarity = shared / (size + sizes[other] - shared)
        once = not is_asked or asked[other] < number
        if similarity >= threshold and once:
            n_pairs += 1
        for row in range(kept.shape[0]):
            if kept[row, number]:
                best[row, other] = max(best[row, other], similarity)
                if once and similarity >= threshold and kept[row, asked[other]]:
                    missed[row] += 1
    return n_pairs
