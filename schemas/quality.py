"""What the quality recall of GitHub measures of each file, to pick its seeds."""

import pyarrow as pa

from schemas.columns import POWERS_OF_TWO, column

QUALITY_MEASURES = pa.schema(
    [
        column(
            "n_code_lines",
            pa.int64(),
            "lines that are neither blank nor comment",
            histogram=POWERS_OF_TWO,
        ),
        column(
            "n_comment_lines",
            pa.int64(),
            "lines of comments and docstrings; licences are none",
            histogram=POWERS_OF_TWO,
        ),
        column(
            "n_comment_words",
            pa.int64(),
            "words in those that read like prose",
            histogram=POWERS_OF_TWO,
        ),
        column(
            "n_header_words",
            pa.int64(),
            "of these, words in comments near the top",
            histogram=POWERS_OF_TWO,
        ),
        column("is_generated", pa.bool_(), "whether the first lines say that a program wrote it"),
    ]
)
