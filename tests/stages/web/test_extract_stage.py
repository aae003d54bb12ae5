"""The stage that extracts pages of any table."""

import pyarrow as pa
import pytest

from stages.errors import InputError
from stages.web.extract_stage import ExtractStage
from stages.web.options import ExtractOptions


def test_extract_stage() -> None:
    """Strings are taken as decoded, bytes are sniffed, a null page has no text."""
    stage = ExtractStage(ExtractOptions())
    russian = f"<html><body><p>{'Съешь ещё этих мягких французских булок. ' * 9}</p>"
    for page in (russian, russian.encode("koi8-r")):
        batch = pa.record_batch({"html": [page, None]})
        found = stage.process(batch)
        assert found.schema == stage.schema
        assert found.column("natural_language").to_pylist() == ["ru", None]
        assert found.column("text")[0].as_py().startswith("Съешь ещё")
    with pytest.raises(InputError, match="max_page_bytes"):  # of the record, not of the stage
        ExtractStage(ExtractOptions(max_page_bytes=9)).process(pa.record_batch({"html": [russian]}))
    both = pa.record_batch({"html": [russian], "url": ["http://e.org/"]})
    assert stage.process(both).num_rows == 1
