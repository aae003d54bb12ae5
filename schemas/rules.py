"""What the rules stage measures (DeepSeek-Coder-V2 section 2; DeepSeek-Coder section 2.1)."""

from typing import Literal, get_args

import pyarrow as pa

from schemas.columns import POWERS_OF_TWO, TWENTIETHS, column

RULES_MEASURES = pa.schema(
    [
        column("n_characters", pa.int64(), "code points", histogram=POWERS_OF_TWO),
        column("n_lines", pa.int64(), "lines; a final empty line is none", histogram=POWERS_OF_TWO),
        column(
            "average_line_length",
            pa.float64(),
            "code points per line, terminators excluded",
            histogram=POWERS_OF_TWO,
        ),
        column(
            "max_line_length",
            pa.int64(),
            "code points of the longest line",
            histogram=POWERS_OF_TWO,
        ),
        column(
            "alphabetic_share",
            pa.float64(),
            "share of code points for which str.isalpha holds",
            histogram=TWENTIETHS,
        ),
        column("xml_declaration", pa.bool_(), "`<?xml version=` in the first 100 characters"),
        column(
            "visible_characters",
            pa.int64(),
            "code points of visible text; HTML only, else null",
            histogram=POWERS_OF_TWO,
        ),
        column(
            "visible_share",
            pa.float64(),
            "visible characters / characters; HTML only, else null",
            histogram=TWENTIETHS,
        ),
        column("origin", pa.string(), "vendored, generated, test, or null: the project's own"),
        column("license_class", pa.string(), "permissive, copyleft, non-free, or none known"),
    ]
)

Origin = Literal["vendored", "generated", "test"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
"""Where a file's text may be from beside the project itself."""
