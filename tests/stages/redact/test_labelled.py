"""How often redact is right, on labelled lines of every kind."""

import pyarrow as pa
import pytest

from stages.redact.options import RedactOptions
from stages.redact.stage import KINDS, RedactStage
from tests.stages.redact.labelled_cases import cases

STAGE = RedactStage(RedactOptions())
MIN_PRECISION, MIN_RECALL = 0.97, 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_labelled_lines(kind: str) -> None:
    """Precision and recall over spans that must be the labelled ones to the byte."""
    labelled = list(cases(kind))
    texts = pa.array([case.text for case in labelled], pa.large_string())
    rows = STAGE.process(pa.record_batch([texts], ["text"]))["spans"].to_pylist()
    n_right = n_found = 0
    wrong = []
    for case, row in zip(labelled, rows, strict=True):
        found = [(span["start"], span["end"], span["kind"]) for span in row]
        n_found += len(found)
        n_right += len(set(found) & set(case.spans))
        if set(found) != set(case.spans):
            wrong.append((case.text, found))
    n_labelled = sum(len(case.spans) for case in labelled)
    said = f"{n_right} of {n_found} found, {n_labelled} labelled: {wrong}"
    assert len(labelled) > 150, said
    assert n_right >= MIN_PRECISION * n_found, said
    assert n_right >= MIN_RECALL * n_labelled, said
