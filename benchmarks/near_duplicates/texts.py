"""Real texts, and edited copies of them.

Two fifths of the documents are copies of one before them, one to twenty of it, in which up to 5 %
of the words are others: with five words to a shingle, from equal texts over Jaccard 0.85 (1.6 %) to
0.6. Where the real texts end they begin again, three words in ten replaced, so that no document of
one round is like one of another.
"""

import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpora import DATA, DEFAULT, WEB, read_texts

COPIES = [(0, 0.7), (1, 0.2), (3, 0.08), (20, 0.02)]
EDITS = (0.0, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
OTHER_ROUND = 0.3
WORD = re.compile(r"\w+|\W+")


def write_texts(path: Path, n_bytes: int) -> None:
    """A Parquet file of `id` and `text`, about so large."""
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string())])
    with pq.ParquetWriter(path, schema, compression="zstd") as table:
        documents = make_texts(n_bytes)
        number = 0
        while batch := list(itertools.islice(documents, 2_000)):
            names = [f"{number + place:08d}" for place in range(len(batch))]
            table.write_table(pa.table([names, batch], schema=schema))
            number += len(batch)


def make_texts(n_bytes: int) -> Iterator[str]:
    """The documents, in an order that has copies next to one another."""
    generator = random.Random(15)
    real = _real_texts()
    generator.shuffle(real)
    total = 0
    for round_ in itertools.count():
        for text in real:
            words = WORD.findall(text)
            base = _edited(words, OTHER_ROUND, generator) if round_ else words
            (copies,) = generator.choices(*zip(*COPIES, strict=True))
            for copy in range(1 + copies):
                edits = generator.choice(EDITS) if copy else 0.0
                document = "".join(_edited(base, edits, generator))
                total += len(document.encode())
                yield document
                if total >= n_bytes:
                    return


def _real_texts() -> list[str]:
    """Files of repositories, files in 335 languages, main contents of pages, each once."""
    languages = pq.read_table(DATA / "languages" / "train.parquet", columns=["content"])
    contents = [
        value.decode("latin-1") if isinstance(value, bytes) else value
        for value in languages["content"].to_pylist()
    ]
    whole = 1 << 40
    texts = [*read_texts(DEFAULT, whole), *read_texts(WEB, whole), *contents]
    return list(dict.fromkeys(texts))


def _edited(words: list[str], share: float, generator: random.Random) -> list[str]:
    """The text with a share of its words replaced."""
    n_edits = int(share * len(words) / 2 + generator.random()) if share else 0
    if n_edits == 0:
        return words
    copy = list(words)
    for place in generator.sample(range(len(copy)), min(n_edits, len(copy))):
        if copy[place][0].isalnum():
            copy[place] = f"x{generator.randrange(10**6)}"
    return copy
