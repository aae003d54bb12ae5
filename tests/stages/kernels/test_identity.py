"""Draws for many documents at once equal those one by one."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import DOC_ID
from schemas.identity import seeded_hash
from stages.kernels.identity import identity_words, seeded_hashes

IDENTITIES = st.lists(st.binary(min_size=16, max_size=16), max_size=20)


@given(IDENTITIES, st.integers(0, 2**64 - 1), st.integers(0, 20))
def test_hashes_are_the_library_s(identities: list[bytes], seed: int, start: int) -> None:
    """For every seed, also of a slice."""
    doc_ids = pa.array(identities, DOC_ID)[start:]
    expected = [seeded_hash(seed, identity) for identity in identities[start:]]
    assert seeded_hashes(seed, doc_ids).tolist() == expected
    words = [int.from_bytes(identity[:8], "little") for identity in identities[start:]]
    assert identity_words(doc_ids)[:, 0].tolist() == words
