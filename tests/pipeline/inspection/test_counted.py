"""Numbers in words, and what is printed with them."""

from pathlib import Path

import pytest

from pipeline.cli.rendering import funnel_table, show
from pipeline.inspection.counted import counted, share
from pipeline.inspection.stats import StageCount
from tests.pipeline.conftest import Sluice


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12345, "12,345 rows")]
)
def test_one_thing_is_in_the_singular(number: int, said: str) -> None:
    assert counted(number, "row") == said


@pytest.mark.parametrize(
    ("part", "said", "printed"),
    [
        (0, "0 %", "0.0%"),
        (1, "< 0.1 %", "<0.1%"),
        (1500, "15.0 %", "15.0%"),
        (9999, "99.9 %", "99.9%"),
        (10_000, "100 %", "100.0%"),
    ],
)
def test_little_is_not_nothing_and_most_is_not_all(
    capsys: pytest.CaptureFixture[str], part: int, said: str, printed: str
) -> None:
    """On pages and in a terminal."""
    assert share(part, 10_000) == said
    show(funnel_table([StageCount("web.dedup", documents=10_000, kept=part)]))
    assert printed in capsys.readouterr().out.split()


def test_a_query_with_one_row_says_so(finished_run: Path, sluice: Sluice, tmp_path: Path) -> None:
    out = tmp_path / "one.parquet"
    assert sluice("sql", str(finished_run), "select 1", "--parquet", str(out))[:2] == (
        0,
        f"{out}: 1 row\n",
    )
