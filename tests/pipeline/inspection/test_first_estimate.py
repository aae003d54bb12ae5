"""What a plan says a run will cost before any of it has run."""

import json
from collections.abc import Callable
from pathlib import Path

from pipeline.configuration import Config
from pipeline.run import forecast


def test_decontamination_costs_nothing_much_without_benchmarks(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    """The shipped rates were measured with some, which every worker reads; one that looks for
    nothing only writes its rows."""
    (tmp_path / "benchmarks").mkdir()
    problem = json.dumps({"task_id": "T/0", "prompt": "a problem of ten words " * 3})
    (tmp_path / "benchmarks" / "set.jsonl").write_text(problem)
    asked = f"decontaminate.benchmarks=['{tmp_path}/benchmarks']"
    spent = [
        {
            unit.unit: unit.core_seconds
            for unit in forecast(configure(tmp_path / "run", *overrides)).cost.units
            if "decontaminate" in unit.unit
        }
        for overrides in ((), (asked,))
    ]
    measure, decide = "github.decontaminate.measure", "github.decontaminate.decide"
    assert spent[0][measure] == spent[0][decide] == spent[1][decide]
    assert spent[1][measure] > 2 * spent[0][measure]
