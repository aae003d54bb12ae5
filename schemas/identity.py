"""Who a document is: a 128-bit hash of its origin, and draws that depend on identity alone.

Origins (never a URL, never a local path):

    OWNER/REPO@REVISION:PATH     a file of a repository
    OWNER/REPO#issue/N           an issue
    WARC-BASENAME:OFFSET         a page of a crawl
    BASENAME:ROW                 a row of a JSONL or Parquet input
"""

import xxhash


def doc_id(origin: str) -> bytes:
    """The 16-byte identity (xxh3_128, big-endian digest) of a document with this origin."""
    return xxhash.xxh3_128_digest(origin.encode("utf-8", "surrogatepass"))


def seeded_hash(seed: int, identity: bytes) -> int:
    """A uniform 64-bit number that depends on `seed` and `identity` alone.

    Every random choice of Sluice is made with it, never with the order of arrival.
    """
    return xxhash.xxh3_64_intdigest(identity, seed=seed)
