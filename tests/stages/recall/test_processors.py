"""The same models and scores on a processor that can do less, and in any order of inputs."""

import json
import os
import sys
from subprocess import PIPE, run

import numpy as np
import pyarrow as pa
import pytest
import xxhash

from stages.recall.options import RecallOptions
from stages.recall.stage import RecallStage
from tests.stages.recall.conftest import MemoryCorpus
from tests.stages.recall.small_crawl import OPTIONS, crawl

LESS = {
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4",
    "OPENBLAS_CORETYPE": "Nehalem",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F,-AVX2_Usable,-FMA_Usable",
}
"""What keeps Numba, numpy, its BLAS and the C library from AVX2 and FMA."""


def found_in(order: int = 1) -> dict[str, str]:
    """The hash of every artefact, and of what each table says of each document, by identity. Rows
    and shards of crawl and seeds lie in the given order (1 or -1)."""
    corpus = crawl(MemoryCorpus)
    seeds = corpus.others["seeds"]
    seeds.shards = [shard.take(np.arange(len(shard))[::order]) for shard in seeds.shards]
    corpus.shards = [shard.take(np.arange(len(shard))[::order]) for shard in corpus.shards][::order]
    targets = {name: {**target, "max_tokens": 1500} for name, target in OPTIONS["targets"].items()}
    options = {**OPTIONS, "targets": targets, "tokens": "whitespace", "min_growth": 0.0}
    RecallStage(RecallOptions(**options, precision=0.9, iterations=2)).run(corpus)
    found = {path: artefact.content_hash for path, artefact in corpus.artefacts.items()}
    ids = pa.concat_tables(corpus.shards)["doc_id"]
    verdicts = pa.concat_tables(corpus.decided).append_column("doc_id", ids)
    for name, table in {**corpus.kept, "verdicts": verdicts}.items():
        columns = [column for column in table.schema.names if column not in {"shard", "row"}]
        rows = sorted(json.dumps(row, default=repr) for row in table.select(columns).to_pylist())
        found[name] = xxhash.xxh3_128_hexdigest("\n".join(rows).encode())
    return found


@pytest.fixture(scope="module")
def here() -> dict[str, str]:
    """What this processor says."""
    return found_in()


def test_the_order_of_inputs_changes_no_model_and_no_score(here: dict[str, str]) -> None:
    """Pages and seeds from the last to the first."""
    assert found_in(-1) == here


def test_without_wide_vectors_and_fused_operations_every_bit_is_the_same(
    here: dict[str, str],
) -> None:
    """Models, thresholds, centres, scores, patterns and verdicts."""
    script = (
        "import json; from tests.stages.recall.test_processors import found_in; "
        "print(json.dumps(found_in()))"
    )
    made = run([sys.executable, "-c", script], env={**os.environ, **LESS}, stdout=PIPE, check=True)
    assert json.loads(made.stdout) == here
