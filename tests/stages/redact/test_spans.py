"""Spans are joined, stored and replaced without losing a byte."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.spans import SPANS
from stages.kernels.spans import merged, replace_spans, spans_array

SPAN = st.tuples(st.integers(0, 30), st.integers(1, 10), st.sampled_from("AB")).map(
    lambda span: (span[0], span[0] + span[1], span[2])
)


@given(st.lists(SPAN))
def test_merged_covers_the_same_bytes(spans: list[tuple[int, int, str]]) -> None:
    """Joined spans are sorted, disjoint, and cover what the spans covered."""
    joined = merged(spans)
    covered = {place for start, end, _ in spans for place in range(start, end)}
    assert {place for start, end, _ in joined for place in range(start, end)} == covered
    assert sum(end - start for start, end, _ in joined) == len(covered)
    assert joined == sorted(joined)


@given(st.lists(st.lists(SPAN), max_size=5))
def test_column_reads_back(rows: list[list[tuple[int, int, str]]]) -> None:
    """The column holds what Arrow would make of mappings."""
    mappings = [[{"start": s, "end": e, "kind": k} for s, e, k in row] for row in rows]
    assert spans_array(rows).equals(pa.array(mappings, SPANS))


def test_spans_are_replaced_by_their_kind() -> None:
    """Tuples and mappings are replaced alike; null leaves the text alone."""
    text = "é a@b.de ü".encode()
    assert replace_spans(text, [(3, 9, "EMAIL")]).decode() == "é <EMAIL> ü"
    assert replace_spans(text, [{"start": 3, "end": 9, "kind": "EMAIL"}]).decode() == "é <EMAIL> ü"
    assert replace_spans(text, None) == replace_spans(text, []) == text


@pytest.mark.parametrize("spans", [[(0, 3, "A"), (2, 4, "B")], [(3, 99, "A")], [(4, 3, "A")]])
def test_spans_that_do_not_fit_are_refused(spans: list[tuple[int, int, str]]) -> None:
    """Overlapping spans and spans outside the text are errors, never a shifted replacement."""
    with pytest.raises(ValueError, match="span"):
        replace_spans(b"0123456789", spans)
