"""Records that raised, crashed the process or exceeded a limit."""

import pyarrow as pa

from schemas.columns import column

HEAD_BYTES = 4096

ERROR, CRASH, TIMEOUT = "error", "crash", "timeout"
"""Reasons of the engine: what handled the record raised, died or did not come back."""
UNREADABLE = "unreadable"
"""Reason: the input could not be opened or read."""

QUARANTINE = pa.schema(
    [
        column("origin", pa.string(), "the record's origin, as hashed into doc_id", nullable=False),
        column("offset", pa.int64(), "byte offset in the input, if known"),
        column("reason", pa.string(), "what kind of failure", nullable=False),
        column("error", pa.string(), "the exception or signal", nullable=False),
        column("head", pa.binary(), "the first 4 KiB of the record", nullable=False),
    ]
)
