"""Corpora that make a search for near-duplicates slow or wrong, at size, and how many documents of
each have to stay."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.near_duplicates.peers import shingle_set

Texts = Iterable[str]


def _words(n: int, generator: random.Random) -> list[str]:
    return [f"w{generator.randrange(10**6)}" for _ in range(n)]


def _template(n_words: int, n_pages: int, seed: int = 1) -> Iterator[str]:
    """Pages that differ in the word in their middle."""
    words = _words(n_words, random.Random(seed))
    before, after = (" ".join(part) for part in (words[: n_words // 2], words[n_words // 2 :]))
    return (f"{before} page{number} {after}" for number in range(n_pages))


def identical() -> tuple[Texts, int]:
    """One million copies of a licence of 700 bytes."""
    licence = " ".join(_words(100, random.Random(2)))
    return itertools.repeat(licence, 1_000_000), 1


def empty() -> tuple[Texts, int]:
    """One million empty files."""
    return itertools.repeat("", 1_000_000), 1


def repeated() -> tuple[Texts, int]:
    """A word once, twice, up to 5,000 times: from five on there is one shingle."""
    return ("spam " * n for n in range(1, 5_001)), 5


def large() -> tuple[Texts, int]:
    """Two files of 16 MB that differ in a hundred words, one of 100 MB, and a thousand small ones.
    (A row above 16 MiB is quarantined: `pipeline.storage.user_tables`.)"""
    generator = random.Random(3)
    words = _words(2_000_000, generator)
    whole = " ".join(words)
    for place in range(1_000, 2_000_000, 20_000):
        words[place] = "another"
    small = (" ".join(_words(100, generator)) for _ in range(1_000))
    return [whole, " ".join(words), "spam " * 20_000_000, *small], 1_001


def short() -> tuple[Texts, int]:
    """One million of one to six words, apart by spaces or lines: equal sets of shingles are one."""
    generator = random.Random(4)
    texts = [
        generator.choice(" \n").join(
            f"t{generator.randrange(30)}" for _ in range(generator.randint(1, 6))
        )
        for _ in range(1_000_000)
    ]
    return texts, len({frozenset(shingle_set(text)) for text in texts})


def bucket() -> tuple[Texts, int]:
    """200,000, 30 % of them pages of one template that are alike to 0.55: all stay."""
    generator = random.Random(5)
    others = (" ".join(_words(40, generator)) for _ in range(140_000))
    return itertools.chain(_template(20, 60_000), others), 200_000


def template() -> tuple[Texts, int]:
    """100,000 pages of 400 words that differ in one of them: one stays."""
    return _template(400, 100_000), 1


def clusters(size: int) -> tuple[Texts, int]:
    """100,000 pages of 400 words, so many of each template: one of each stays."""
    n_clusters = -(-100_000 // size)
    pages = itertools.chain.from_iterable(_template(400, size, seed) for seed in range(n_clusters))
    return pages, n_clusters


CASES: dict[str, Callable[[], tuple[Texts, int]]] = {
    one.__name__: one for one in (identical, empty, repeated, large, short, bucket, template)
} | {f"clusters-{size}": partial(clusters, size) for size in (2, 32, 64, 512, 10_000)}


def write_case(name: str, path: Path) -> tuple[int, int, int]:
    """A Parquet file of `id` and `text`; documents, bytes, and how many have to stay. (In batches
    of one, so that no page holds two large files.)"""
    texts, expected = CASES[name]()
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string())])
    remaining = iter(texts)
    number = n_bytes = 0
    with pq.ParquetWriter(path, schema, compression="zstd", write_batch_size=1) as table:
        while batch := list(itertools.islice(remaining, 10_000)):
            names = [f"{number + place:08d}" for place in range(len(batch))]
            table.write_table(pa.table([names, batch], schema=schema))
            number += len(batch)
            n_bytes += sum(map(len, batch))
    return number, n_bytes, expected
