"""The Stack's statistics of a file are a check of the rules: what they call alike is alike.

`alpha_fraction`, `avg_line_length` and `max_line_length` as BigCode computes them
(bigcode-dataset, `preprocessing/filtering.py`: `str.splitlines`, `str.isalpha`). `num_lines` and
lines that end in form feeds, U+2028 and their like mean something else there.
"""

import json
import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest

from stages.rules.options import RulesOptions
from stages.rules.stage import RulesStage
from tests.stages.github.conftest import gather
from tests.stages.github.tables.dumps import STACK_V2, parquet, table

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
NAMES = (
    "textwrap.py",
    "json/decoder.py",
    "keyword.py",
    "this.py",
    "colorsys.py",
    "encodings/cp437.py",
)
OWN = ("x\r\ny = 'ß'\r\n", "e\u0301 = 1\rzz\n\n\n", "\u0661\u0662 ²\n", "z" * 5000)


def statistics(text: str) -> dict[str, float]:
    """The columns of The Stack."""
    lengths = [len(line) for line in text.splitlines()]
    return {
        "avg_line_length": sum(lengths) / len(lengths),
        "max_line_length": max(lengths),
        "alpha_fraction": sum(map(str.isalpha, text)) / len(text),
    }


def test_rules_measure_what_the_stack_says():
    """Read from a table, measured by rules, held against the table's own columns."""
    library = [(STANDARD_LIBRARY / name).read_text("utf-8").replace("\f", "") for name in NAMES]
    rows = [
        {**STACK_V2[0], "path": f"/{number}.py", "content": text, "length_bytes": None}
        | statistics(text)
        for number, text in enumerate([*library, *OWN])
    ]
    data = parquet(pa.Table.from_pylist(json.loads(json.dumps(rows))))
    texts = [row["text"] for row in gather(table(data)).rows]
    assert texts == [row["content"] for row in rows]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    measures = RulesStage(RulesOptions()).process(batch).to_pylist()
    for row, measured in zip(rows, measures, strict=True):
        assert measured["max_line_length"] == row["max_line_length"]
        assert measured["average_line_length"] == pytest.approx(row["avg_line_length"])
        assert measured["alphabetic_share"] == pytest.approx(row["alpha_fraction"])
