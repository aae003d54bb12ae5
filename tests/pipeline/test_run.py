"""A run is resumable, incremental and the same for any number of workers."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from pipeline.configuration import load
from pipeline.engine.ray.executor import KERNELS, NODES
from pipeline.engine.runner import Monitor
from pipeline.inspection.stats import funnel
from pipeline.inspection.verify import verify
from pipeline.run import RunReport, plan, run
from pipeline.storage.ledger_names import INNER_LEDGER, LEDGER_SUFFIX, folder_of, ledger_of
from stages.kernels.ahead import groups
from tests.pipeline.conftest import configured, product, read_shards


class Told(Monitor):
    """Keeps what came before the first step, and that."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int, int] | str] = []

    def preparing(self, what: str, done: int, total: int) -> None:
        self.events.append((what, done, total))

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        if not isinstance(self.events[-1], str):
            self.events.append(step)


def tasks(report: RunReport) -> dict[str, int]:
    return {step: done.tasks for step, done in report.steps.items()}


def copy_of(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def test_a_finished_run_does_nothing_again(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """Nothing is stale, no task runs, no byte changes, and verify finds the run whole."""
    folder = copy_of(finished_run, tmp_path / "run")
    before = product(folder)
    assert all(item.n_stale == 0 for item in plan(configured(inputs, folder)))
    assert tasks(run(configured(inputs, folder), address="local")) == {}
    assert product(folder) == before
    assert verify(folder) == []


def test_a_run_with_ledgers_inside_its_folders_goes_on(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """As older versions of Sluice left them: nothing runs again, and the ledgers move."""
    folder = copy_of(finished_run, tmp_path / "run")
    before = product(folder)
    for path in list(folder.rglob(f"*{LEDGER_SUFFIX}")):
        path.rename(folder / str(folder_of(path.relative_to(folder).as_posix())) / INNER_LEDGER)
    assert all(item.n_stale == 0 for item in plan(configured(inputs, folder)))
    assert tasks(run(configured(inputs, folder), address="local")) == {}
    assert product(folder) == before
    assert not list(folder.rglob(INNER_LEDGER))
    assert verify(folder) == []


def test_the_shards_of_a_target_no_longer_asked_for_go(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """An earlier run's shard set that no target has any more is removed, and nothing else."""
    folder = copy_of(finished_run, tmp_path / "run")
    before = product(folder)
    shutil.copytree(folder / "shards" / "natural", folder / "shards" / "physics-web")
    shutil.copy(folder / ledger_of("shards/natural"), folder / ledger_of("shards/physics-web"))
    manifest = folder / "shards" / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "sets": {**content["sets"], "physics-web": {}}}))
    run(configured(inputs, folder), address="local")
    assert product(folder) == before
    assert verify(folder) == []


def test_two_workers_write_the_bytes_of_one_process(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """Two workers on Ray write what this process wrote; the kernels are compiled once, before the
    first task. One worker is that of `engine/test_adding_a_stage.py`."""
    expected = product(finished_run)
    assert len(expected) > 20
    told = Told()
    run(configured(inputs, tmp_path / "run"), workers=2, monitor=told)
    assert product(tmp_path / "run") == expected
    n_groups = len(groups())
    assert told.events[:2] == [(NODES, 0, 1), (NODES, 1, 1)]
    assert told.events[-2:] == [(KERNELS, n_groups, n_groups), "github.documents"]


def test_a_threshold_repeats_decisions_only(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """Another rules threshold reads no text for documents, language, rules or signatures."""
    folder = copy_of(finished_run, tmp_path / "run")
    config = configured(inputs, folder, "rules.max_line_length=80")
    stale = {item.step for item in plan(config) if item.n_stale}
    assert "github.rules.decide" in stale
    report = run(config, address="local")
    for step in ("github.documents", "github.language", "github.rules.measure"):
        assert step not in report.steps
    assert "github.dedup.measure" not in report.steps
    assert report.steps["github.rules.decide"].text_bytes == 0
    assert not any(step.startswith("web.") for step in report.steps)
    assert verify(folder) == []


def test_later_stages_run_only_where_verdicts_changed(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """A threshold that changes no verdict repeats its own decision and nothing after it."""
    folder = copy_of(finished_run, tmp_path / "run")
    report = run(configured(inputs, folder, "rules.max_line_length=1001"), address="local")
    assert set(report.steps) == {"github.rules.decide"}


def test_a_new_input_opens_a_new_shard(finished_run: Path, inputs: Path, tmp_path: Path) -> None:
    """Documents of the other inputs are not read again."""
    folder = copy_of(finished_run, tmp_path / "run")
    more = tmp_path / "zz-more.warc.gz"
    shutil.copy(inputs / "crawl-0.warc.gz", more)
    config = configured(inputs, folder, f"web.inputs=['{inputs}/*.warc.gz', '{more}']")
    report = run(config, address="local")
    assert tasks(report)["web.documents"] == 1
    assert sorted(p.name for p in (folder / "web/documents").glob("*.parquet")) == [
        f"{shard:05d}.parquet" for shard in range(4)
    ]
    assert verify(folder) == []


def test_what_a_run_up_to_a_stage_left_behind_is_said(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """`verify` names what is stale and the command that mends it, `stats` marks it; after that
    command nothing is."""
    folder = copy_of(finished_run, tmp_path / "run")
    file = tmp_path / "mine.toml"
    text = f"github.inputs = '{inputs}/*.tar.gz'\nweb.inputs = '{inputs}/*.warc.gz'\n"
    file.write_text(text + "github.shard_bytes = 60000\ntokens.store = 'always'\n")
    overrides = ["rules.max_line_length=40"]
    run(load(file, overrides, folder), stages=["github.rules"], address="local")
    problems = {problem.path: problem.message for problem in verify(folder)}
    assert "github.dedup" in problems
    assert "emit.github" in problems
    assert not any(path.startswith(("web", "github.rules", "emit.web")) for path in problems)
    command = f"sluice run {file} --run {folder} --set rules.max_line_length=40"
    for message in problems.values():
        assert message.startswith("stale: github.")
        assert command in message
    marked = {count.stage for count in funnel(folder) if count.is_stale}
    assert {"github.dedup", "github.redact", "shards.code"} <= marked
    assert not any(stage.startswith("web") or stage == "github.rules" for stage in marked)
    run(load(file, overrides, folder), address="local")
    assert verify(folder) == []
    assert not any(count.is_stale for count in funnel(folder))


def test_a_stage_that_only_emit_reads_makes_the_shards_stale(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """What emit read is known though its intermediates are gone."""
    folder = copy_of(finished_run, tmp_path / "run")
    config = configured(inputs, folder, "github.concatenate.order='none'")
    run(config, stages=["github.concatenate"], address="local")
    assert [problem.path for problem in verify(folder)] == ["emit.github"]


def test_one_stage_runs_what_it_needs_and_nothing_after(inputs: Path, tmp_path: Path) -> None:
    """`--stage github.rules.measure` stops there."""
    folder = tmp_path / "run"
    report = run(configured(inputs, folder), stages=["github.rules.measure"], address="local")
    assert set(report.steps) == {"github.documents", "github.language", "github.rules.measure"}
    assert not (folder / "web").exists()


def test_the_planned_duplicates_are_found(finished_run: Path) -> None:
    """The copied package is dropped against the original, and pages against the latest crawl."""
    with duckdb.connect() as database:
        query = "select reason, count(*) from read_parquet($1) group by 1 order by 1"
        github = dict(
            database.execute(query, [f"{finished_run}/github/dedup/*.parquet"]).fetchall()
        )
        web = dict(database.execute(query, [f"{finished_run}/web/dedup/*.parquet"]).fetchall())
    assert github["exact"] >= 4
    assert web["url"] == 2


def test_every_kept_document_is_in_the_shards(finished_run: Path) -> None:
    """Samples add up to the documents that all stages kept."""
    shards = read_shards(finished_run / "shards/code")
    assert shards.num_rows > 0
    assert all(part["n_tokens"] > 0 for row in shards["parts"].to_pylist() for part in row)
    natural = read_shards(finished_run / "shards/natural")
    assert natural.num_rows > 0


@pytest.mark.parametrize(
    "path",
    [
        "github/documents/00000.parquet",
        "github/rules/measure/00001.parquet",
        "web/_dedup.ledger",
        "web/tokens/00000.parquet",
        "shards/code/train-00000.parquet",
        "shards/manifest.json",
        "shards/README.md",
        "inputs.json",
        "run.json",
    ],
)
def test_a_flipped_byte_is_found(finished_run: Path, tmp_path: Path, path: str) -> None:
    """Wherever a byte changes, verify names the file."""
    folder = copy_of(finished_run, tmp_path / "run")
    data = bytearray((folder / path).read_bytes())
    for position in (0, len(data) // 2, len(data) - 1):
        flipped = bytearray(data)
        flipped[position] ^= 1
        (folder / path).write_bytes(flipped)
        assert verify(folder), position
    (folder / path).write_bytes(data)
    assert verify(folder) == []
