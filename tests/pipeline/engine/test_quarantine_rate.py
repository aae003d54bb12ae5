"""Too much quarantine fails a step, today and tomorrow; and so does a step that can do nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.configuration import Config, load
from pipeline.inspection.verify import verify
from pipeline.run import run
from stages.errors import StageError
from stages.rules.stage import RulesStage
from tests.pipeline.conftest import write_tar


def pages(path: Path, n_good: int, n_bad: int) -> None:
    """A list of pages, some of whose lines are no JSON."""
    rows = [json.dumps({"text": f"Page {n} of {path.name}."}) for n in range(n_good)]
    path.write_text("\n".join([*rows, *["{"] * n_bad]) + "\n")


def config_of(tmp_path: Path, *overrides: str) -> Config:
    return load(None, [f"web.inputs=['{tmp_path}/*.jsonl']", *overrides], tmp_path / "run")


def read(tmp_path: Path, *overrides: str) -> None:
    run(config_of(tmp_path, *overrides), stages=["web.documents"], address="local")


def test_the_same_command_fails_again(tmp_path: Path) -> None:
    """The rate is the receipts', so it is asked when nothing is stale, too; another limit, or
    more good records, mend it."""
    pages(tmp_path / "a.jsonl", 950, 50)
    for _ in range(2):
        with pytest.raises(StageError, match=r"50 of 1000 records quarantined \(broken_json 50\)"):
            read(tmp_path)
    read(tmp_path, "engine.max_quarantine_rate=0.05")
    with pytest.raises(StageError, match="50 of 1000"):
        read(tmp_path)
    pages(tmp_path / "b.jsonl", 4000, 0)
    read(tmp_path)


def test_many_good_shards_are_counted_with_the_bad_one(tmp_path: Path) -> None:
    """What was made before counts while new outcomes come in: one bad shard of four is no 12 %."""
    for name in "abc":
        pages(tmp_path / f"{name}.jsonl", 4000, 0)
    read(tmp_path)
    pages(tmp_path / "d.jsonl", 1000, 140)
    with pytest.raises(StageError, match="140 of 13140"):
        read(tmp_path)
    pages(tmp_path / "d.jsonl", 1000, 120)
    read(tmp_path)


def test_few_records_have_no_rate(tmp_path: Path) -> None:
    """Of less than a thousand a share says nothing."""
    pages(tmp_path / "a.jsonl", 1, 900)
    read(tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Callable[..., Config]:
    """A configuration over twelve files."""
    files = {f"f{n}.py": f"value_{n} = {n}\n".encode() * 9 for n in range(12)}
    write_tar(tmp_path / "a__b.tar.gz", "b-main", files)

    def make(*overrides: str) -> Config:
        return load(None, [f"github.inputs=['{tmp_path}']", *overrides], tmp_path / "run")

    return make


def broken(n_good: int) -> Callable[[RulesStage, pa.RecordBatch], pa.RecordBatch]:
    """`process` of a stage that can do the first files only."""
    process = RulesStage.process

    def fail(stage: RulesStage, batch: pa.RecordBatch) -> pa.RecordBatch:
        names = [f"value_{n} =" for n in range(n_good)]
        if not all(text.startswith(tuple(names)) for text in batch["text"].to_pylist()):
            raise ValueError("a bug")
        return process(stage, batch)

    return fail


def test_a_stage_that_does_nothing_leaves_nothing(
    repository: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All twelve records raise: that is no bad input. Once the bug is mended the same command
    goes on, though no version has changed."""
    with monkeypatch.context() as patch:
        patch.setattr(RulesStage, "process", broken(0))
        for _ in range(2):
            with pytest.raises(StageError, match=r"github\.rules\.measure: all 12 records raised"):
                run(repository(), address="local")
    report = run(repository(), address="local")
    assert report.steps["github.rules.measure"].quarantined == 0
    assert verify(repository().run) == []


def test_a_stage_that_does_one_record_works(
    repository: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eleven of twelve are the records' fault, and so are twelve if someone says so."""
    for n_good, rate in ((1, 0.01), (0, 1)):
        monkeypatch.setattr(RulesStage, "process", broken(n_good))
        config = repository("rules.also_keep=[]", f"engine.max_quarantine_rate={rate}")
        report = run(config, stages=["github.rules"], address="local")
        assert report.steps["github.rules.measure"].quarantined == 12 - n_good
        (config.run / "github/rules/measure/00000.parquet").unlink()
