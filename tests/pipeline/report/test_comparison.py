"""Two runs side by side: what differs is marked, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.report.build import compared_figures, make_comparison
from pipeline.report.comparison import paired
from pipeline.run import run
from tests.pipeline.conftest import Sluice, configured
from tests.pipeline.report.conftest import figures_in, text_of


@pytest.fixture(scope="module")
def other(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the complete run, with shorter lines and no web."""
    folder = tmp_path_factory.mktemp("other") / "run"
    overrides = ("web.inputs=[]", "github.rules.max_line_length=100")
    run(configured(inputs, folder, *overrides), address="local")
    return folder


def rows_by(rows: list[dict[str, Any]], key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in rows}


def test_rows_are_paired_by_their_keys() -> None:
    """What one run lacks is null, and differs."""
    a = [{"name": "x", "n": 1}, {"name": "y", "n": 2}]
    b = [{"name": "z", "n": 3}, {"name": "x", "n": 4}]
    assert paired(a, b, ["name"], ["n"]) == [
        {"name": "x", "n": {"a": 1, "b": 4, "difference": 3}, "differs": True},
        {"name": "y", "n": {"a": 2, "b": None, "difference": None}, "differs": True},
        {"name": "z", "n": {"a": None, "b": 3, "difference": None}, "differs": True},
    ]
    assert not paired(a, a, ["name"], ["n"])[0]["differs"]


def test_a_threshold_moved(finished_run: Path, other: Path) -> None:
    """The option, the stage and its reason differ; what comes before them does not."""
    found = compared_figures(finished_run, other)
    options = rows_by(found["options"], "setting")
    moved = options["github.rules.max_line_length"]
    assert (moved["a"], moved["b"]) == (1000, 100)
    stages = rows_by(found["funnel"], "stage")
    assert not stages["github.language"]["differs"]
    rules = stages["github.rules"]["kept"]
    assert rules["difference"] == rules["b"] - rules["a"] < 0
    assert stages["web.documents"]["documents"]["b"] is None
    (length,) = [row for row in found["histograms"] if row["measure"] == "max_line_length"]
    assert length["counts"]["a"] == length["counts"]["b"]
    assert length["differs"]
    page = make_comparison(finished_run, other)
    assert figures_in(page)["funnel"] == found["funnel"]
    assert 'class="changed"' in page.decode()
    assert "max_line_length 100 " in text_of(page)


def test_a_run_beside_itself(finished_run: Path, sluice: Sluice, tmp_path: Path) -> None:
    """Nothing is marked."""
    out = tmp_path / "same.html"
    code, _, _ = sluice("report", str(finished_run), "--compare", str(finished_run), "-o", str(out))
    assert code == 0
    assert 'class="changed"' not in out.read_text()
    assert "Both were made with the same options." in out.read_text()
