"""Extraction as a map stage, for pages that are already in a table (`sluice apply extract`)."""

from typing import ClassVar

import pyarrow as pa

from schemas.documents import WEB_DOCUMENTS
from stages.contract import Options
from stages.errors import InputError
from stages.web.decoding.charset import utf8_page
from stages.web.extract import LIBRARIES, Extracted, extract, extract_utf8
from stages.web.options import ExtractOptions

_COLUMNS = ("text", "title", "n_code_blocks", "n_formulas", "natural_language", "code_languages")


class ExtractStage:
    """HTML to text. A string is already decoded; bytes are sniffed for their charset. A null page
    has the empty text."""

    name: ClassVar[str] = "extract"
    version: ClassVar[int] = 7
    libraries: ClassVar[tuple[str, ...]] = LIBRARIES
    Options: ClassVar[type[Options]] = ExtractOptions
    reads: ClassVar[tuple[str, ...]] = ("html",)
    optional: ClassVar[tuple[str, ...]] = ()
    schema: pa.Schema = pa.schema([WEB_DOCUMENTS.field(name) for name in _COLUMNS])

    def __init__(self, options: ExtractOptions) -> None:
        self._max_bytes = options.max_page_bytes

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The text and what is known of it, row for row."""
        rows = [self._extract(page) for page in batch.column("html").to_pylist()]
        columns = [
            pa.array([getattr(row, field.name) for row in rows], field.type)
            for field in self.schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _extract(self, page: str | bytes | None) -> Extracted:
        if page is None:
            return Extracted("", None, 0, 0, None)
        if len(page) > self._max_bytes:
            raise InputError(
                f"extract: a page of {len(page)} bytes is above max_page_bytes {self._max_bytes}"
            )
        return extract(page) if isinstance(page, str) else extract_utf8(utf8_page(page))
