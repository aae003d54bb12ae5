"""Token ids with DeepSeek-V2's tokenizer: ours and its peers', the same bytes in one run, CPU time
of one core.

    python benchmarks/bpe.py [FOLDER OF .tar.gz | FILE.parquet | FILE.jsonl.zst …] [--megabytes 8]
    python benchmarks/bpe.py --every [FOLDER]

Of each corpus the first half is encoded (cold: all words are new), then the second (steady), then
the second again (warm). Ours ends with an Arrow column, the peers with lists of Python integers
where they offer nothing flatter. Peers other than tokenizers and fastokens take part if they are
installed. The reference is tokenizers: texts with other ids are counted, and the run fails if there
is one of ours. Then the ids of all are written as the table of tokens that a run keeps beside its
documents, and read again. The Chinese corpus is every document of the real data of which a fifth
and more of the characters are ideographs and hardly any kana, each once.

`--every` encodes all real data (minutes) and counts the documents of which tokenizers has other
ids.
"""

import argparse
import contextlib
import importlib
import os
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tokenizers

from benchmarks.corpora import DATA, DEFAULT, WEB, read_texts
from benchmarks.corpora.documents import read_documents
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import TableRead, read_aligned, write_parquet
from schemas.columns import DOC_ID
from schemas.tokens import TOKEN_COLUMNS, TOKENS
from stages.kernels.arrow import Offsets
from stages.kernels.bpe.encoder import Ids
from stages.kernels.bpe.library import FastokensEngine
from stages.kernels.bpe.tokenizer import Tokenizer, load_tokenizer

Encode = Callable[[list[str]], list[Any]]

_IDEOGRAPH = re.compile("[\u4e00-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")
_COUNTED = ("documents", "bytes", "differing")


def main() -> None:
    """Print MB/s of CPU time, cold, steady and warm, and how many texts differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="*", default=[DEFAULT, WEB])
    parser.add_argument("--megabytes", type=float, default=8, help="of each source")
    parser.add_argument(
        "--every", type=Path, nargs="?", const=DATA, help="compare ids on all documents of a folder"
    )
    arguments = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    load_tokenizer().encode(b"compiled before the clock runs")
    if arguments.every:
        _compare_all(arguments.every)
        return
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
    for source in sources:
        yield source.name, read_texts(source, n_bytes)
    chinese = dict.fromkeys(text for _, text in read_documents() if _is_chinese(text))
    if chinese:
        yield "Chinese", list(chinese)


def _is_chinese(text: str) -> bool:
    n = len(_IDEOGRAPH.findall(text))
    return n > 0.2 * len(text) and len(_KANA.findall(text)) < 0.05 * n


def _compare_all(folder: Path) -> None:
    """Print, by source, documents, bytes and how many have other ids than tokenizers gives."""
    expected = _reference()
    ours = load_tokenizer()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for source, documents in groupby(read_documents(folder), itemgetter(0)):
        for _, text in documents:
            differs = ours.encode(text.encode()).tolist() != expected(text)
            counts[source].update(documents=1, bytes=len(text.encode()), differing=differs)
        _print_counts(source, counts[source])
    _print_counts("all", sum(counts.values(), Counter()))
    if any(count["differing"] for count in counts.values()):
        raise SystemExit("ids differ")


def _print_counts(source: str, counts: Counter[str]) -> None:
    print(f"{source}: {', '.join(f'{counts[key]:,} {key}' for key in _COUNTED)}", flush=True)


def _reference() -> Callable[[str], list[int]]:
    reference = tokenizers.Tokenizer.from_str(load_tokenizer().tokenizer_json.decode())
    reference.encode_special_tokens = True
    return lambda text: reference.encode(text, add_special_tokens=False).ids


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
    expected = _reference()
    yield "tokenizers", lambda texts: [expected(text) for text in texts]
    yield "sluice", _rows_of(Tokenizer().encode_buffers)
    yield "fastokens", _rows_of(FastokensEngine(described).encode)
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
