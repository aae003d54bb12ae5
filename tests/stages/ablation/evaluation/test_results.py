"""Evaluation folders become the rows of the table, or an error that says why they cannot."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.ablation.evaluation.results import compare_sides, find_evaluations, read_side
from stages.errors import ConfigError

SOURCES = ["code"] * 8 + ["natural"] * 4
LANGUAGES = ["Go"] * 5 + ["C"] * 3 + ["en"] * 4
TABLE_1 = ["Python", "C++", "Java", "PHP", "TypeScript", "C#", "Bash", "JavaScript"]
N_BYTES = np.arange(100, 1300, 100)


def write(
    folder: Path,
    bits_a_byte: float,
    *,
    seed: int = 0,
    solved: dict[str, list[str]] | None = None,
    heldout: str = "same",
) -> Path:
    """An evaluation folder; `solved` is a status for each problem of each set."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    noise = 1 + 0.01 * rng.standard_normal(12)
    table = pa.table(
        {
            "doc_id": [bytes([i]) * 16 for i in range(12)],
            "source": SOURCES,
            "language": LANGUAGES,
            "n_bytes": N_BYTES,
            "n_tokens": N_BYTES // 3,
            "bits": N_BYTES * bits_a_byte * noise,
        }
    )
    pq.write_table(table, folder / "bits.parquet")
    if solved is not None:
        rows = [
            {
                "set": name,
                "task_id": f"HumanEval_{i}_task",
                "status": status,
                "detail": "no compiler",
            }
            for name, statuses in solved.items()
            for i, status in enumerate(statuses)
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / "problems.parquet")
    evaluation = {
        "name": folder.parent.name,
        "model": {"parameters": 5},
        "training": {"tokens": 1000, "seed": seed, "corpus": "c0"},
        "heldout": {"fingerprint": heldout, "context": 16, "stride": 8},
    }
    (folder / "eval.json").write_text(json.dumps(evaluation))
    return folder


def test_seeds_are_found_below_a_folder(tmp_path: Path) -> None:
    """And an evaluation folder stands for itself."""
    first = write(tmp_path / "a" / "0", 2.0)
    second = write(tmp_path / "a" / "1", 2.0, seed=1)
    assert find_evaluations(tmp_path / "a") == [first, second]
    assert find_evaluations(second) == [second]
    with pytest.raises(ConfigError, match=r"b: no eval\.json"):
        find_evaluations(tmp_path / "b")


def sides(tmp_path: Path, **changed) -> list:
    for name, bits in (("a", 2.0), ("b", 1.8)):
        for seed in range(3):
            options = changed.get(name, {})
            write(tmp_path / name / str(seed), bits, seed=seed, **options)
    return [read_side(find_evaluations(tmp_path / name)) for name in "ab"]


def test_bits_are_compared_over_all_by_source_and_by_language(tmp_path: Path) -> None:
    """A language of fewer than five documents, and the only one of a source, have no row."""
    results = compare_sides(*sides(tmp_path), n_resamples=500)
    assert [(row.name, row.n_units) for row in results.bits] == [
        ("all", 12),
        ("code", 8),
        ("code/Go", 5),
        ("natural", 4),
    ]
    everything = results.bits[0].comparison
    assert everything.a.value == pytest.approx(2.0, abs=0.02)
    assert everything.difference.value == pytest.approx(-0.2, abs=0.02)
    assert everything.difference.excludes_zero
    assert results.a.seeds == [0, 1, 2]
    assert results.a.trained("tokens") == 1000
    assert results.solved == ()


def test_pass_at_1_and_its_average_over_languages(tmp_path: Path) -> None:
    """Languages count alike in the average, however many problems each has."""
    half = {"humaneval-python": ["passed", "failed"] * 4, "humaneval-cpp": ["failed"] * 4}
    full = {"humaneval-python": ["passed"] * 8, "humaneval-cpp": ["timeout"] * 4}
    found = compare_sides(
        *sides(tmp_path, a={"solved": half}, b={"solved": full}), n_resamples=500
    ).solved
    ran = [row for row in found if row.comparison is not None]
    values = {row.name: (row.comparison.a.value, row.comparison.b.value) for row in ran}
    assert values == {"Python": (0.5, 1.0), "C++": (0.0, 0.0), "Avg": (0.25, 0.5)}
    assert {row.name: row.n_units for row in ran} == {"Python": 8, "C++": 4, "Avg": 12}
    assert [row.name for row in found] == [*TABLE_1, "Avg", "MBPP"]


def test_a_language_that_was_not_run_is_missing_never_failed(tmp_path: Path) -> None:
    """In one model of one side is enough; it is no part of the average."""
    both = {"humaneval-python": ["passed"] * 2, "humaneval-sh": ["passed"] * 2}
    lacking = {"humaneval-python": ["passed"] * 2, "humaneval-sh": ["passed", "not_run"]}
    found = compare_sides(
        *sides(tmp_path, a={"solved": both}, b={"solved": lacking}), n_resamples=500
    ).solved
    missing = {row.name: row.missing for row in found}
    assert missing["Python"] is None
    assert missing["Bash"] == "not run: no compiler"
    assert missing["MBPP"] == "not asked of every model"
    assert "Avg" not in missing


def test_other_held_out_documents_are_refused(tmp_path: Path) -> None:
    """The error names both folders."""
    a, b = sides(tmp_path, b={"heldout": "another"})
    with pytest.raises(ConfigError, match="different held-out documents"):
        compare_sides(a, b)


def test_seeds_scored_on_different_documents_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "0", 2.0)
    write(tmp_path / "a" / "1", 2.0, heldout="another")
    side = read_side(find_evaluations(tmp_path / "a"))
    with pytest.raises(ConfigError, match="different held-out sets"):
        compare_sides(side, side)
