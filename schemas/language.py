"""What the language stage writes beside each document."""

import pyarrow as pa

from schemas.columns import TWENTIETHS, column

METHODS = ("name", "extension", "shebang", "heuristic", "classifier")

LANGUAGE_MEASURES = pa.schema(
    [
        column("language", pa.string(), "one of the 338 supported names, or null"),
        column("other", pa.string(), "a recognised name outside the 338, or null"),
        column("method", pa.string(), "name, extension, shebang, heuristic or classifier"),
        column("confidence", pa.float64(), "0 to 1", histogram=TWENTIETHS),
    ]
)
