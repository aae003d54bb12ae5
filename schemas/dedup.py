"""What dedup measures and decides."""

import pyarrow as pa

from schemas.columns import DOC_ID, TWENTIETHS, column

N_PERMUTATIONS = 256

DEDUP_MEASURES = pa.schema(
    [
        column("text_hash", pa.binary(16), "xxh3_128 of the UTF-8 text"),
        column("n_shingles", pa.int64(), "distinct shingles"),
        column(
            "signature",
            pa.list_(pa.uint32(), N_PERMUTATIONS),
            "MinHash of the shingle set, one minimum per permutation",
        ),
    ]
)

DEDUP_DECISIONS = pa.schema(
    [
        column("duplicate_of", DOC_ID, "the kept document this one repeats; null when kept"),
        column(
            "duplicate_run",
            pa.string(),
            "the earlier run that has duplicate_of, as dedup.against names it; null: this run",
        ),
        column(
            "similarity",
            pa.float64(),
            "exact Jaccard with duplicate_of; 1.0 for exact, null for url",
            histogram=TWENTIETHS,
        ),
        column("cluster", DOC_ID, "the kept document of the group, itself when kept"),
    ]
)
