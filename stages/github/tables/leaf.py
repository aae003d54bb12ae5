"""One column of strings in a Parquet row group, a value at a time.

pyarrow hands out whole rows, and a row may be a repository of gigabytes. Here the values of a
column, in a list or not, are read one by one, in order, and those that nobody wants are passed
over: a page of them is not even expanded, a dictionary not before something is asked of it.

Memory: a page of up to 16 MiB, or a piece of a larger one, its levels (8 bytes a value), a
dictionary up to 32 MiB (what is larger lies on disk), and a value up to the limit.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.github.archives.decompression import ByteReader
from stages.github.entries import Damaged
from stages.github.tables import encodings
from stages.github.tables.encodings import Dictionary, Strings, read_exactly, read_runs
from stages.github.tables.expanding import Span, page_bytes
from stages.kernels.parquet_pages import DATA, DATA_V2, DICTIONARY, Page, read_pages

NO_CONTENTS, TOO_LARGE = "no_contents", "too_large"
"""Why a place of the column has no string to hand on."""

_DICTIONARY_ENCODINGS = (encodings.PLAIN_DICTIONARY, encodings.RLE_DICTIONARY)
_MAX_DEFINITION = 64


class StringColumn:
    """The strings of a column chunk (`pyarrow.parquet` tells what `chunk` and `column` are). A
    place is what has a definition level: a string, a null, or a list without elements."""

    def __init__(self, file: Any, chunk: Any, column: Any, max_bytes: int) -> None:
        if column.physical_type != "BYTE_ARRAY" or column.max_repetition_level > 1:
            kind = f"{column.physical_type}, {column.max_repetition_level} lists deep"
            raise Damaged("corrupt", f"the column {column.path} holds no strings but {kind}")
        self._file = file
        self._compression = str(chunk.compression)
        self._pages = read_pages(file, chunk)
        self._definition = min(int(column.max_definition_level), _MAX_DEFINITION)
        self._is_list = bool(column.max_repetition_level)
        self._max_bytes = max_bytes
        self._dictionary_page: Page | None = None
        self._dictionary: Dictionary | None = None
        self._page: Page | None = None
        self._opened: _OpenPage | None = None
        self._left = 0

    def skip(self, n_places: int) -> None:
        """Pass over so many places."""
        while n_places:
            if not self._left:
                self._next_page()
            n_here = min(n_places, self._left)
            if n_here < self._left or self._opened is not None:
                self._open().skip(n_here)
            self._left -= n_here
            n_places -= n_here

    def take(self, *, begins_row: bool) -> bytes | str:
        """The string at the next place, or why there is none. `Damaged` if the column disagrees
        on where a row begins."""
        if not self._left:
            self._next_page()
        page = self._open()
        self._left -= 1
        return page.take(begins_row, self._max_bytes)

    def close(self) -> None:
        """Let go of what lies on disk."""
        if self._dictionary is not None:
            self._dictionary.close()

    def _next_page(self) -> None:
        self._opened = None
        for page in self._pages:
            if page.kind == DICTIONARY:
                self._dictionary_page = page
            elif page.kind in (DATA, DATA_V2) and page.n_values:
                self._page, self._left = page, page.n_values
                return
        raise Damaged("corrupt", "a column ends before its last row")

    def _open(self) -> "_OpenPage":
        if self._opened is None:
            assert self._page is not None
            self._opened = self._open_page(self._page)
        return self._opened

    def _open_page(self, page: Page) -> "_OpenPage":
        reader = page_bytes(self._file, page, self._compression)
        n, is_list, width = page.n_values, self._is_list, self._definition.bit_length()
        if page.kind == DATA_V2:
            span = Span(self._file, page.at, page.repetition_bytes + page.definition_bytes)
            repetition, definition = span.read(page.repetition_bytes), span.read()
        else:
            repetition = _prefixed(reader) if is_list else b""
            definition = _prefixed(reader) if width else b""
        begins = read_runs(repetition, n, 1) == 0 if is_list else np.ones(n, np.bool_)
        levels = read_runs(definition, n, width) if width else np.zeros(n, np.int32)
        is_there = levels == self._definition
        strings = self._strings(page, reader, int(is_there.sum()))
        return _OpenPage(begins, is_there, strings)

    def _strings(self, page: Page, reader: ByteReader, n_strings: int) -> Strings:
        match page.encoding:
            case encodings.PLAIN:
                return encodings.PlainStrings(reader)
            case encodings.DELTA_LENGTH:
                return encodings.DeltaLengthStrings(reader)
            case encodings.DELTA_BYTES:
                return encodings.DeltaStrings(reader, self._max_bytes)
        if page.encoding not in _DICTIONARY_ENCODINGS:
            raise Damaged("corrupt", f"strings in encoding {page.encoding}", offset=page.at)
        return encodings.DictionaryStrings(
            reader, self._the_dictionary(), page.uncompressed_bytes, n_strings
        )

    def _the_dictionary(self) -> Dictionary:
        if self._dictionary is None:
            page = self._dictionary_page
            if page is None:
                raise Damaged("corrupt", "a column without its dictionary")
            reader = page_bytes(self._file, page, self._compression)
            self._dictionary = Dictionary(reader, page.n_values, page.uncompressed_bytes)
        return self._dictionary


class _OpenPage:
    """A page whose levels are known."""

    def __init__(
        self, begins: NDArray[np.bool_], is_there: NDArray[np.bool_], strings: Strings
    ) -> None:
        self._begins = begins
        self._is_there = is_there
        self._strings = strings
        self._place = 0

    def skip(self, n_places: int) -> None:
        end = self._place + n_places
        self._strings.skip(int(self._is_there[self._place : end].sum()))
        self._place = end

    def take(self, begins_row: bool, max_bytes: int) -> bytes | str:
        place, self._place = self._place, self._place + 1
        if bool(self._begins[place]) != begins_row:
            raise Damaged("corrupt", "columns disagree on where a row begins")
        if not self._is_there[place]:
            return NO_CONTENTS
        text = self._strings.next(max_bytes)
        return TOO_LARGE if text is None else text


def _prefixed(reader: ByteReader) -> bytes:
    """Levels of a page of the first kind: their length, and they."""
    return read_exactly(reader, int.from_bytes(read_exactly(reader, 4), "little"))
