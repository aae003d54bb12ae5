"""Stages that a run had and that its configuration asks for no longer."""

import logging
from pathlib import Path

import pytest

from pipeline.configuration import Config, load
from pipeline.inspection.iteration_metrics import iteration_metrics
from pipeline.inspection.life import lives
from pipeline.inspection.sql import query
from pipeline.inspection.stats import funnel
from pipeline.inspection.verify import verify
from pipeline.report.build import figures_of
from pipeline.run import forecast, plan, run
from pipeline.storage.storage import LocalStorage
from tests.pipeline.conftest import Sluice
from tests.pipeline.engine.planted import write_inputs


def configured(inputs: Path, folder: Path, *overrides: str) -> Config:
    web = [f"web.inputs=['{inputs}/*.warc.gz']", "report=false"]
    return load(None, [*web, *overrides], folder)


def test_without_targets_nothing_is_left_of_recall(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No page counts as not recalled, no seed as read, in no face of the run; what it cost is no
    cost of what is there."""
    write_inputs(tmp_path)
    folder = tmp_path / "run"
    seeds = [f"recall.targets.code.seeds=['{tmp_path}/code.jsonl']"]
    small = ["recall.iterations=1", "recall.evidence='text'", "recall.max_buckets=4096"]
    with caplog.at_level(logging.INFO, logger="sluice"):
        run(configured(tmp_path, folder, *seeds, *small), address="local")
        assert "web.recall: iteration 1: the F1 of code" in caplog.text
        caplog.clear()
        assert not any(item.n_stale for item in plan(configured(tmp_path, folder, *seeds, *small)))
        assert caplog.text == "", "a plan repeats nothing of what was made"
    dropped = "select uri from web.documents join web.recall using (shard, row) where not keep"
    uri = next(query(folder, dropped))["uri"][0].as_py()
    assert [life.fate for life in lives(folder, uri)] == ["dropped by web.recall: not_recalled"]
    without = configured(tmp_path, folder)
    models_too = "web/recall and the models that it trained leave the run folder"
    lines = [
        "seeds: nothing learns from them: seeds leaves the run folder",
        "web.tokens no longer runs: web/tokens leaves the run folder",
        f"web.recall no longer runs: {models_too}",
    ]
    assert forecast(without).leaving == lines
    models = list((folder / "web/recall").glob("iteration-1/*"))
    assert models, "a plan removes nothing"
    assert run(without, address="local").left == lines
    assert not any(path.exists() for path in models)
    assert forecast(without).leaving == []
    assert run(without, address="local").left == []
    stages = {count.stage for count in funnel(folder)}
    assert stages & {"seeds.documents", "web.recall", "web.documents"} == {"web.documents"}
    assert [life.fate for life in lives(folder, uri)] == ["kept, in natural"]
    figures = figures_of(folder)
    assert figures["recall"] == []
    assert not any("recall" in unit["unit"] for unit in figures["costs"]["units"])
    assert [one["corpus"] for one in figures["provenance"]["inputs"]] == ["web"]
    assert verify(folder) == []


def test_a_plan_says_which_corpus_leaves(tmp_path: Path, sluice: Sluice) -> None:
    """All of its tables, when its last input is dropped, and the product with it."""
    write_inputs(tmp_path)
    folder = tmp_path / "run"
    run(configured(tmp_path, folder), address="local")
    dropped = configured(tmp_path, folder, "web.drop=['*']")
    line = "web: no input of it is left: shards/natural, web, shards leave the run folder"
    file = tmp_path / "dropped.toml"
    file.write_text(f"[web]\ninputs = ['{tmp_path}/*.warc.gz']\ndrop = ['*']\n")
    code, said, _ = sluice("plan", str(file), "--run", str(folder))
    end = f"{folder}: complete, nothing else would run"
    assert (code, " ".join(said.split())) == (0, f"flagged: {line} {end}")
    run(dropped, address="local")
    assert not (folder / "web").exists()
    assert forecast(dropped).leaving == []


def test_without_comparing_no_pair_is_evidence(tmp_path: Path) -> None:
    """Of near-duplicates that are kept nobody says how similar they are."""
    write_inputs(tmp_path)
    folder = tmp_path / "run"
    run(configured(tmp_path, folder), address="local")
    assert figures_of(folder)["pairs"]
    off = ["dedup.near=false", "dedup.url=false"]
    run(configured(tmp_path, folder, *off), address="local")
    assert not list(folder.glob("web/dedup/*pairs*/*"))
    assert not list(folder.glob("web/dedup/_pairs*"))
    assert not figures_of(folder)["pairs"]
    assert verify(folder) == []


def test_iterations_of_a_longer_recall_are_not_told(tmp_path: Path) -> None:
    """The models of those stay, for when they are asked for again."""
    write_inputs(tmp_path)
    folder = tmp_path / "run"
    small = ["recall.evidence='text'", "recall.max_buckets=4096", "recall.min_growth=0"]
    small.append(f"recall.targets.code.seeds=['{tmp_path}/code.jsonl']")
    told = []
    for number in (2, 1, 2):
        config = configured(tmp_path, folder, *small, f"recall.iterations={number}")
        report = run(config, address="local")
        metrics = (iteration_metrics(LocalStorage(folder), "web/recall", n) for n in (1, 2))
        told.append([one is not None for one in metrics])
    assert told == [[True, True], [True, False], [True, True]]
    assert not any("train" in step for step in report.steps)
    assert verify(folder) == []
