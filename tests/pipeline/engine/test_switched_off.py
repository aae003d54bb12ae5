"""Stages that a run had and that its configuration asks for no longer."""

from pathlib import Path

from pipeline.configuration import Config, load
from pipeline.inspection.life import lives
from pipeline.inspection.sql import query
from pipeline.inspection.stats import funnel
from pipeline.inspection.verify import verify
from pipeline.report.build import figures_of
from pipeline.run import run
from tests.pipeline.engine.planted import write_inputs


def configured(inputs: Path, folder: Path, *overrides: str) -> Config:
    web = [f"web.inputs=['{inputs}/*.warc.gz']", "report=false"]
    return load(None, [*web, *overrides], folder)


def test_without_targets_nothing_is_left_of_recall(tmp_path: Path) -> None:
    """No page counts as not recalled, no seed as read, in no face of the run; what it cost is no
    cost of what is there."""
    write_inputs(tmp_path)
    folder = tmp_path / "run"
    seeds = [f"recall.targets.code.seeds=['{tmp_path}/code.jsonl']"]
    small = ["recall.iterations=1", "recall.evidence='text'", "recall.max_buckets=4096"]
    run(configured(tmp_path, folder, *seeds, *small), address="local")
    dropped = "select uri from web.documents join web.recall using (shard, row) where not keep"
    uri = next(query(folder, dropped))["uri"][0].as_py()
    assert [life.fate for life in lives(folder, uri)] == ["dropped by web.recall: not_recalled"]
    run(configured(tmp_path, folder), address="local")
    stages = {count.stage for count in funnel(folder)}
    assert stages & {"seeds.documents", "web.recall", "web.documents"} == {"web.documents"}
    assert [life.fate for life in lives(folder, uri)] == ["kept, in natural"]
    figures = figures_of(folder)
    assert figures["recall"] == []
    assert not any("recall" in unit["unit"] for unit in figures["costs"]["units"])
    assert [one["corpus"] for one in figures["provenance"]["inputs"]] == ["web"]
    assert verify(folder) == []
