"""`sluice ablate` from end to end, with models of two steps; exit codes and messages."""

import json
import re
from pathlib import Path

import pytest

from pipeline.ablation import workflow
from tests.pipeline.conftest import Sluice

pytest.importorskip("torch", reason="the ablation's packages are not installed")

QUICK = [
    *("--set", "steps=2", "--set", "batch=1", "--set", "sequence_length=32"),
    *("--set", "seeds=[0]", "--set", "heldout_bytes=6000", "--set", "heldout_rate=0.3"),
    *("--set", "tokenizer_bytes=200000", "--set", "fim_rate=0.5"),
]


@pytest.fixture(autouse=True)
def _without_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "_can_compile", lambda: False)


def test_a_whole_ablation(sluice: Sluice, ablated_run: Path) -> None:
    """Variants, two models, their evaluations, the table; a second time nothing is redone."""
    code, out, err = sluice("ablate", "run", str(ablated_run), "--address", "local", *QUICK)
    assert code == 0, err
    assert "full, seed 0 (2 of 2): training" in err
    assert "| documents of" in out
    assert "One seed of rules and of full" in out
    assert out.strip().endswith((ablated_run / "ablation/table.md").read_text().strip())
    code, out, err = sluice(
        "ablate", "run", str(ablated_run), "--address", "local", *QUICK, "--json"
    )
    assert code == 0
    assert err.count("trained already") == 2
    assert err.count("evaluated already") == 2
    found = json.loads(out)
    assert found["a"]["name"] == "rules"
    assert found["b"]["seeds"] == [0]
    assert found["a"]["corpus"] != found["b"]["corpus"]
    everything = found["bits_per_byte"][0]
    assert everything["name"] == "all"
    assert everything["a"]["low"] <= everything["a"]["value"] <= everything["a"]["high"]


def test_two_shard_sets_of_a_run(sluice: Sluice, ablated_run: Path) -> None:
    """With whole repositories held out; the table of the variants stays beside theirs."""
    sets = [*QUICK, "--set", "sets=['code', 'text']", "--set", "heldout_unit=repository"]
    code, out, err = sluice("ablate", "run", str(ablated_run), "--address", "local", *sets)
    assert code == 0, err
    assert "text, seed 0 (2 of 2): training" in err
    table = (ablated_run / "ablation/table-code-text.md").read_text()
    assert out.strip().endswith(table.strip())
    assert re.search(r"documents of +\| n +\| code +\| text +\| difference", table)


def test_two_runs_that_compared_files_and_repositories(
    sluice: Sluice, ablated_run: Path, run_by_repository: Path
) -> None:
    """Trained with one tokenizer, scored on the first one's held-out documents."""
    both = [*QUICK, "--set", f"against={run_by_repository}"]
    code, out, err = sluice(
        "ablate", "run", str(ablated_run), "--address", "local", *both, "--json"
    )
    assert code == 0, err
    found = json.loads(out)
    assert [found[side]["name"] for side in "ab"] == [str(ablated_run), str(run_by_repository)]
    assert found["a"]["corpus"] != found["b"]["corpus"]
    assert found["a"]["heldout"] == found["b"]["heldout"]
    assert (ablated_run / "ablation/table-against.json").is_file()
    assert not (run_by_repository / "ablation/heldout").exists()
    code, out, _ = sluice(
        *("ablate", "table", str(ablated_run / "ablation/full")),
        str(run_by_repository / "ablation/full"),
    )
    assert code == 0


def test_other_settings_train_anew(sluice: Sluice, ablated_run: Path) -> None:
    """Only the models that depend on them."""
    sluice("ablate", "run", str(ablated_run), "--address", "local", *QUICK)
    other = [*QUICK, "--set", "seeds=[0,1]"]
    _, _, err = sluice("ablate", "run", str(ablated_run), "--address", "local", *other)
    assert err.count("trained already") == 2
    assert err.count(": training") == 2


def test_a_table_of_evaluation_folders(sluice: Sluice, ablated_run: Path, tmp_path: Path) -> None:
    """`eval` scores any model on any held-out shards; `table` compares what it wrote."""
    sluice("ablate", "run", str(ablated_run), "--address", "local", *QUICK)
    folder = ablated_run / "ablation"
    for variant in ("rules", "full"):
        code, out, err = sluice(
            *("ablate", "eval", str(folder / variant / "seed-0")),
            *("--heldout", str(folder / "heldout"), "-o", str(tmp_path / variant)),
            *("--name", variant, "--stride", "32"),
        )
        assert code == 0, err
        assert "bits per byte over" in out
    code, out, _ = sluice("ablate", "table", str(tmp_path / "rules"), str(tmp_path / "full"))
    assert code == 0
    assert "| rules " in out
    code, _, err = sluice("ablate", "table", str(tmp_path / "rules"), str(folder / "full"))
    assert code == 2
    assert "different windows" in err


def test_wrong_usage_is_told_with_the_field(
    sluice: Sluice, ablated_run: Path, tmp_path: Path
) -> None:
    """Exit code 2."""
    code, _, err = sluice("ablate", "run", str(ablated_run), "--set", "step=3")
    assert code == 2
    assert "step" in err
    assert "did you mean" in err
    code, _, err = sluice(
        "ablate", "eval", str(tmp_path), "--heldout", str(tmp_path), "-o", str(tmp_path / "o")
    )
    assert code == 2
    assert "no model here" in err
    code, _, err = sluice("ablate", "table", str(tmp_path), str(tmp_path))
    assert code == 2
    assert "sluice ablate eval" in err


def test_missing_packages_are_named(
    sluice: Sluice, ablated_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install."""
    monkeypatch.setattr(workflow, "find_spec", lambda name: None)
    code, _, err = sluice("ablate", "run", str(ablated_run))
    assert code == 2
    assert "pip install 'sluice[ablation]'" in err
