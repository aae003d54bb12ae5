"""Those who look for near-duplicates, each as its documentation says; one process a peer.

    python peers.py NAME TEXTS ANSWER FOLDER

reads `id` and `text` of the Parquet file TEXTS, and writes the ids that stay to ANSWER. All have
five words to a shingle and 25 bands of 10 minima, but for those that are made for powers of two.
datatrove and text-dedup have words of their own; datasketch and rensa are given ours. One thread.
"""
# ruff: noqa: PLC0415 - a process has one peer, and need not have the others

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

NGRAM, N_BANDS, ROWS, THRESHOLD = 5, 25, 10, 0.85
N_PERMUTATIONS = N_BANDS * ROWS
TOKEN = re.compile(r"\w+|[^\w\s]")
SEPARATOR = "\x1f"


def shingle_set(text: str) -> set[bytes]:
    """The document as a set of words joined, the fastest way found."""
    tokens = TOKEN.findall(text)
    if len(tokens) < NGRAM:
        return {SEPARATOR.join(tokens).encode()}
    return {SEPARATOR.join(tokens[i : i + NGRAM]).encode() for i in range(len(tokens) - NGRAM + 1)}


def read_rows(source: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts."""
    for batch in pq.ParquetFile(source).iter_batches(1_000):
        yield from zip(*(batch[name].to_pylist() for name in ("id", "text")), strict=True)


def sluice(source: Path, folder: Path) -> list[str]:
    """`sluice apply dedup` of this checkout."""
    root = Path(__file__).resolve().parents[2]
    answer = folder / "kept.parquet"
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "apply", "dedup"]
    command += [str(source), "-o", str(answer), "--with-input", "--kept-only"]
    subprocess.run(command, check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    kept: list[str] = pq.read_table(answer, columns=["id"])["id"].to_pylist()
    return kept


def datasketch_lsh(source: Path, folder: Path) -> list[str]:
    """A document goes if the index has one whose estimate reaches the threshold."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=N_PERMUTATIONS, params=(N_BANDS, ROWS))
    sketches: dict[str, MinHash] = {}
    for name, text in read_rows(source):
        sketch = MinHash(num_perm=N_PERMUTATIONS, hashfunc=xxhash.xxh32_intdigest)
        sketch.update_batch(list(shingle_set(text)))
        if all(sketches[other].jaccard(sketch) < THRESHOLD for other in index.query(sketch)):
            index.insert(name, sketch)
            sketches[name] = sketch
    return list(sketches)


def rensa_deduplicator(source: Path, folder: Path) -> list[str]:
    """`RMinHashDeduplicator`, which checks the estimates of what its bands find."""
    from rensa import RMinHashDeduplicator

    seen = RMinHashDeduplicator(
        threshold=THRESHOLD, num_perm=N_PERMUTATIONS, use_lsh=True, num_bands=N_BANDS
    )
    kept = []
    for name, text in read_rows(source):
        if seen.add_pairs([(name, shingle_set(text))])[0]:
            kept.append(name)
    return kept


def rensa_cminhash(source: Path, folder: Path) -> list[str]:
    """`CMinHashDeduplicator`, as above; it chooses its bands."""
    from rensa import CMinHashDeduplicator

    seen = CMinHashDeduplicator(threshold=THRESHOLD, num_perm=256)
    kept = []
    for name, text in read_rows(source):
        if seen.add_pairs([(name, shingle_set(text))])[0]:
            kept.append(name)
    return kept


def rensa_rho(source: Path, folder: Path) -> list[str]:
    """The sketch of its fastest pipeline, which looks at some of the words, text by text: whoever
    shares a band with one before goes. (The batch pipeline flags all members of a group.)"""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(THRESHOLD, 256, 32)
    kept = []
    for number, (name, text) in enumerate(read_rows(source)):
        matrix = RMinHash.digest_matrix_from_token_sets_rho([list(shingle_set(text))], 256, 42)
        if not index.insert_matrix_and_query_duplicate_flags(matrix, number)[0]:
            kept.append(name)
    return kept


def text_dedup(source: Path, folder: Path) -> list[str]:
    """Its command."""
    from datasets import load_from_disk

    command = [sys.executable, "-m", "text_dedup.minhash", "--path", "parquet"]
    command += ["--data_files", str(source), "--split", "train", "--column", "text"]
    command += ["--cache_dir", str(folder / "cache"), "--output", str(folder / "out")]
    command += ["--ngram", str(NGRAM), "--min_length", "1", "--num_perm", str(N_PERMUTATIONS)]
    command += ["--threshold", str(THRESHOLD), "--b", str(N_BANDS), "--r", str(ROWS)]
    command += ["--hash_func", "xxh3", "--num_proc", "1", "--batch_size", "10000"]
    subprocess.run(command, check=True)
    kept: list[str] = load_from_disk(str(folder / "out"))["id"]
    return list(kept)


def datatrove_steps(source: Path, folder: Path) -> list[str]:
    """Signatures, buckets, clusters, filter."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter

    config = MinhashConfig(n_grams=NGRAM, num_buckets=N_BANDS, hashes_per_bucket=ROWS)
    signatures, buckets, gone, kept = (str(folder / one) for one in ("sig", "dup", "id", "kept"))

    def read() -> ParquetReader:
        return ParquetReader(str(source.parent), glob_pattern=source.name)

    steps = [
        ([read(), MinhashDedupSignature(signatures, config)], 1),
        ([MinhashDedupBuckets(signatures, buckets, config=config)], N_BANDS),
        ([MinhashDedupCluster(buckets, gone, config=config)], 1),
        ([read(), MinhashDedupFilter(gone), ParquetWriter(kept)], 1),
    ]
    for place, (pipeline, tasks) in enumerate(steps):
        logs = str(folder / f"logs-{place}")
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=logs).run()
    ids: list[str] = pq.read_table(kept, columns=["id"])["id"].to_pylist()
    return ids


PEERS: dict[str, Callable[[Path, Path], list[str]]] = {
    "sluice": sluice,
    "rensa": rensa_deduplicator,
    "rensa-c": rensa_cminhash,
    "rensa-rho": rensa_rho,
    "datasketch": datasketch_lsh,
    "text-dedup": text_dedup,
    "datatrove": datatrove_steps,
}


def main() -> None:
    """Write the peak of memory and the ids that stay."""
    name, source, answer, folder = sys.argv[1:]
    kept = PEERS[name](Path(source), Path(folder))
    Path(answer).write_text("".join(f"{one}\n" for one in (peak_bytes(), *kept)))


def peak_bytes() -> int:
    """The most that this process or one of its children held. (What a parent is told of a child is
    at least what it held itself.)"""
    status = Path("/proc/self/status").read_text()
    own = int(status.partition("VmHWM:")[2].split()[0])
    return 1024 * max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


if __name__ == "__main__":
    main()
