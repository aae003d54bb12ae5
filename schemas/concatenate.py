"""Which training sample a file belongs to, and where in it."""

import pyarrow as pa

from schemas.columns import DOC_ID, column

CONCATENATE_MEASURES = pa.schema(
    [
        column("sample_id", DOC_ID, "the training sample the document is part of"),
        column("position", pa.int32(), "0-based place of the document in its sample"),
    ]
)
