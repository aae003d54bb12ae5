"""The verdict: the columns every table between documents and emit begins with.

A document is kept if every filter that judged it says true. A row that an earlier stage dropped
has `keep = null, reason = null`; a kept row has `reason = null`.
"""

from collections.abc import Iterable

import pyarrow as pa

from schemas.columns import DOC_ID, column
from schemas.removals import REMOVED

REASON = pa.dictionary(pa.int32(), pa.string())

QUARANTINED = "quarantined"
REASONS: dict[str, tuple[str, ...]] = {
    "rules": (
        "empty",
        "average_line_length",
        "max_line_length",
        "alphabetic",
        "xml_declaration",
        "html_visible_text",
        "json_yaml_characters",
        "unsupported_language",
        "vendored",
        "generated",
        "test",
        "license",
    ),
    "dedup": ("exact", "near", "url"),
    "recall": ("not_recalled",),
    "decontaminate": ("benchmark",),
    "remove": (REMOVED,),
}
"""Why each stage may drop a document, in the order in which its rules are asked."""

VERDICT_COLUMNS = [
    column("keep", pa.bool_(), "false: dropped here; null: dropped by an earlier stage"),
    column("reason", REASON, "why the document was dropped; null when kept"),
    column("doc_id", DOC_ID, "the document of this row", nullable=False),
]


def verdict_table(measures: Iterable[pa.Field]) -> pa.Schema:
    """The schema of a stage's table: the verdict, then its measures."""
    lead = {column.name for column in VERDICT_COLUMNS}
    return pa.schema([*VERDICT_COLUMNS, *(one for one in measures if one.name not in lead)])
