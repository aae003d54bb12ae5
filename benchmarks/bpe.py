"""Token ids with DeepSeek-V2's tokenizer: ours and its peers', the same bytes in one run, CPU time
of one core.

    python benchmarks/bpe.py [FOLDER OF .tar.gz | FILE.parquet | FILE.jsonl.zst …] [--megabytes 8]

Of each corpus the first half is encoded (cold: all words are new), then the second (steady), then
the second again (warm). Ours ends with an Arrow column, the peers with lists of Python integers
where they offer nothing flatter. Peers other than tokenizers and fastokens take part if they are
installed. The reference is tokenizers: texts with other ids are counted, and the run fails if there
is one of ours. Then the ids of all are written as the table of tokens that a run keeps beside its
documents, and read again.
"""

import argparse
import contextlib
import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tokenizers
from corpora import DEFAULT, WEB, read_texts

from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import TableRead, read_aligned, write_parquet
from schemas.columns import DOC_ID
from schemas.tokens import TOKEN_COLUMNS, TOKENS
from stages.kernels.arrow import Offsets
from stages.kernels.bpe.encoder import Ids
from stages.kernels.bpe.library import LibraryEngine
from stages.kernels.bpe.tokenizer import Tokenizer, load_tokenizer

Encode = Callable[[list[str]], list[Any]]


def main() -> None:
    """Print MB/s of CPU time, cold, steady and warm, and how many texts differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="*", default=[DEFAULT, WEB])
    parser.add_argument("--megabytes", type=float, default=8, help="of each source")
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    load_tokenizer().encode(b"compiled before the clock runs")
    wrong = 0
    for name, texts in _corpora(arguments.sources, int(arguments.megabytes * 1e6)):
        megabytes = sum(len(text.encode()) for text in texts) / 1e6
        print(f"{name}: {len(texts):,} texts, {megabytes:.1f} MB")
        print(f"  {'':12}{'cold':>9}{'steady':>9}{'warm':>9} MB/s  texts with other ids")
        reference: list[list[int]] | None = None
        for peer, encode in _peers():
            speeds, ids = _measured(encode, texts)
            reference = reference or ids
            n_other = sum(one != other for one, other in zip(ids, reference, strict=True))
            wrong += n_other if peer == "sluice" else 0
            print(f"  {peer:12}" + "".join(f"{speed:9.2f}" for speed in speeds) + f"{n_other:7,}")
        write, read, size = _table(texts)
        print(
            f"  table of tokens: written at {write:.0f} MB/s, read at {read:.0f}; {size:.2f} of it"
        )
    if wrong:
        raise SystemExit("ids differ")


def _table(texts: list[str]) -> tuple[float, float, float]:
    """The table beside the documents: MB/s of text at which it is written and read, and its size as
    a share of the text."""
    n_bytes = sum(len(text.encode()) for text in texts)
    tokens = load_tokenizer().encode_batch(pa.array(texts, pa.large_string()))
    doc_ids = pa.array([bytes(16)] * len(texts), DOC_ID)
    columns = [doc_ids, tokens, tokens.value_lengths().cast(pa.int64())]
    rows = pa.record_batch(columns, ["doc_id", *TOKEN_COLUMNS.names])
    schema = pa.schema([pa.field("doc_id", DOC_ID), *TOKEN_COLUMNS])
    with tempfile.TemporaryDirectory() as folder:
        storage = LocalStorage(Path(folder))
        start = time.process_time()
        with write_parquet(storage, "00000.parquet", schema) as (table, written):
            table.write(rows)
        middle = time.process_time()
        for _ in read_aligned(storage, [TableRead("00000.parquet", ((TOKENS, TOKENS),))]):
            pass
        end = time.process_time()
    return n_bytes / 1e6 / (middle - start), n_bytes / 1e6 / (end - middle), written.size / n_bytes


def _corpora(sources: list[Path], n_bytes: int) -> Iterator[tuple[str, list[str]]]:
    everything: list[str] = []
    for source in sources:
        texts = read_texts(source, n_bytes)
        everything += texts
        yield source.name, texts
    chinese = [text for text in everything if _share_of_ideographs(text) > 0.2]
    if sum(map(len, chinese)) > 1 << 18:
        yield "of these, Chinese", chinese


def _share_of_ideographs(text: str) -> float:
    return sum("\u4e00" <= one <= "\u9fff" for one in text) / max(1, len(text))


def _measured(encode: Encode, texts: list[str]) -> tuple[list[float], list[list[int]]]:
    """MB/s cold, steady and warm; and the ids of all texts."""
    halves = [texts[: len(texts) // 2], texts[len(texts) // 2 :]]
    speeds, ids = [], []
    for half in (*halves, halves[1]):
        start = time.process_time()
        encoded = encode(half)
        seconds = time.process_time() - start
        speeds.append(sum(len(text.encode()) for text in half) / 1e6 / seconds)
        ids.append(encoded)
    return speeds, [list(row) for encoded in ids[:2] for row in encoded]


def _peers() -> Iterator[tuple[str, Encode]]:
    """The reference first."""
    described = load_tokenizer().tokenizer_json
    reference = tokenizers.Tokenizer.from_str(described.decode())
    reference.encode_special_tokens = True
    encode = partial(reference.encode, add_special_tokens=False)
    yield "tokenizers", lambda texts: [encode(text).ids for text in texts]
    yield "sluice", _rows_of(Tokenizer().encode_buffers)
    yield "fastokens", _rows_of(LibraryEngine(described).encode)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(described)
        file.flush()
        with contextlib.suppress(ImportError):
            kitoken = importlib.import_module("kitoken").Kitoken.from_tokenizers_file(file.name)
            yield "kitoken", lambda texts: [kitoken.encode(text, False) for text in texts]
        with contextlib.suppress(ImportError):
            tokie = importlib.import_module("tokie").Tokenizer.from_json(file.name)
            yield "tokie", lambda texts: [tokie.encode(text, False).ids for text in texts]


def _rows_of(encode: Callable[[pa.Array], tuple[Offsets, Ids]]) -> Encode:
    def rows(texts: list[str]) -> list[Ids]:
        offsets, ids = encode(pa.array(texts, pa.large_string()))
        return np.split(ids, offsets[1:-1])

    return rows


if __name__ == "__main__":
    main()
