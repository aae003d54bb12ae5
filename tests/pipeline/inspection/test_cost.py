"""What a run will cost."""

import dataclasses
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from benchmarks.cost_table import CRAWL_WARCS, WARC_BYTES, document, rates_of, web_estimate
from pipeline.configuration import Config
from pipeline.engine.outcomes import Spent
from pipeline.engine.plans import PlanItem
from pipeline.inspection.cost import estimate, show_size, show_work
from pipeline.inspection.rates import (
    Rate,
    default_rates,
    measured_rates,
    recorded_rates,
    shard_sizes,
    unit_of,
)
from pipeline.inspection.step_costs import note_costs, step_costs
from pipeline.inspection.verify import verify
from pipeline.run import forecast, run
from pipeline.storage.intake.inputs import InputSpec, expand
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.storage import LocalStorage

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "cost.md"
RATE = Rate(core_seconds=1e-6, table_bytes=0.5, scratch_bytes=0.25, task_bytes=1)


def specs(corpus: str, *shards: int) -> list[InputSpec]:
    return [InputSpec(f"{corpus}{n}", f"{corpus}{n}", 1000, "", n) for n in shards]


@pytest.mark.parametrize(
    ("step", "unit"),
    [
        ("web.documents", "web.documents"),
        ("github.rules.measure", "github.rules.measure"),
        ("web.dedup.decide.judge", "web.dedup.decide"),
        ("web.recall.decide", "web.recall.decide"),
        ("emit.web.write-samples", "emit.web"),
    ],
)
def test_steps_belong_to_units(step: str, unit: str) -> None:
    """A corpus stage's steps are one unit, and so are those of an emit."""
    assert unit_of(step) == unit


def test_an_estimate_is_stale_share_times_bytes_times_rate() -> None:
    """Tables and core-seconds add up; scratch is the largest unit's; emits are the product."""
    items = [
        PlanItem("web.documents", 4, 1),
        PlanItem("web.dedup.decide.judge", 4, 4),
        PlanItem("web.dedup.decide.keep-evidence", 1, 0),
        PlanItem("emit.web.write-samples", 1, 1),
        PlanItem("web.redact", 4, 0),
    ]
    rates = dict.fromkeys(("web.documents", "web.dedup.decide", "emit.web", "web.redact"), RATE)
    cost = estimate(items, {"web": 1_000_000}, rates)
    assert [unit.unit for unit in cost.units] == ["web.documents", "web.dedup.decide", "emit.web"]
    assert [unit.core_seconds for unit in cost.units] == pytest.approx([0.25, 1.0, 1.0])
    assert cost.core_hours == pytest.approx(2.25 / 3600)
    assert (cost.table_bytes, cost.product_bytes, cost.scratch_bytes) == (625_000, 500_000, 250_000)


def test_a_stage_that_waits_counts_both_its_halves() -> None:
    """Where a plan cannot see further it names the stage alone."""
    rates = dict.fromkeys(
        ("web.redact", "web.decontaminate.measure", "web.decontaminate.decide"), RATE
    )
    items = [PlanItem("web.decontaminate", 4, 4), PlanItem("web.redact", 4, 4)]
    cost = estimate(items, {"web": 1_000_000}, rates)
    assert {unit.unit for unit in cost.units} == rates.keys()


def test_a_plan_goes_as_far_as_an_artefact_that_is_to_be_made(
    configure: Callable[..., Config], inputs: Path, tmp_path: Path
) -> None:
    """Stages after it are named as waiting, and their cost is counted."""
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text('{"url": "https://example.com/", "text": "a page"}\n')
    config = configure(
        tmp_path / "run", "github.inputs=[]", f"recall.targets.code.seeds=['{seeds}']"
    )
    found = forecast(config)
    items, cost = found.items, found.cost
    by_step = {item.step: item for item in items}
    waiting = [step for step, item in by_step.items() if "is to be made" in str(item.reasons)]
    assert "emit.web" in {unit.unit for unit in cost.units}
    assert all(by_step[step].n_stale == by_step[step].n_tasks for step in waiting)
    assert cost.product_bytes > 0


def test_nothing_to_do_costs_nothing() -> None:
    """An empty plan, and one of steps that have no rate."""
    assert estimate([], {}, {}).to_dict() == {
        "core_hours": 0,
        "product_bytes": 0,
        "table_bytes": 0,
        "token_bytes": 0,
        "scratch_bytes": 0,
        "units": [],
    }
    assert estimate([PlanItem("web.unheard", 1, 1)], {"web": 5}, {}).units == ()


def test_repositories_of_one_shard_count_together() -> None:
    """A shard's stored size is that of all its inputs."""
    assert shard_sizes(specs("github", 0, 0, 1)) == {0: 2000, 1: 1000}


def test_a_package_weighs_what_is_read_of_it() -> None:
    """Libraries that were compiled into it are no text: it has a hundred times as much of them."""
    (package,) = expand("github", ["installed:llvmlite"])
    assert package.folder is not None
    compiled = sum(path.stat().st_size for path in (package.folder / "llvmlite").rglob("*.so"))
    assert 100_000 < package.size < compiled / 100


def test_a_run_folder_measures_its_own_rates(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    """From the receipts of the shards that are done, over the bytes of those shards' inputs."""
    config = configure(tmp_path / "run", "github.inputs=[]")
    run(config, stages=["web.documents"], address="local")
    storage = LocalStorage(config.run)
    inputs = {"web": specs("web", 0, 1, 2, 3)}
    found = measured_rates(storage, ["web.documents", "web.dedup.measure", "emit.web"], inputs)
    assert list(found) == ["web.documents"]
    size = sum(path.stat().st_size for path in (config.run / "web/documents").glob("*.parquet"))
    assert found["web.documents"].table_bytes == pytest.approx(size / 3000)
    assert found["web.documents"].core_seconds > 0
    assert found["web.documents"].measured_here


@pytest.mark.parametrize(
    ("first", "rate", "once"),
    [
        ([True, True, False, False, False], 0.01, 20),
        ([True, False, False, False, False], 0.01, 10),
        ([True, True, True, True, True], 0.01 + 50 / 15_000, 0),
        ([None, None, None, None, None], 0.01, 0),
    ],
)
def test_what_workers_load_is_paid_once(
    tmp_path: Path, first: list[bool | None], rate: float, once: float
) -> None:
    """It is what a worker's first task took longer than others of as many bytes; where all were
    first, or nobody noted it, everything grows with the input."""
    storage = LocalStorage(tmp_path)
    (tmp_path / "web" / "documents").mkdir(parents=True)
    receipts = Receipts(storage, "web/documents")
    for shard, is_first in enumerate(first):
        effort = {"cpu_seconds": 10.0 * (shard + 1 + bool(is_first)), "peak_bytes": 1}
        effort |= {} if is_first is None else {"is_first": is_first}
        key = f"{shard:05d}"
        made = Receipt("web.documents", key, key, {}, 1, 500, 0, "", {}, effort=effort)
        receipts.add(made)
    receipts.flush()
    sizes = [InputSpec(f"{n}", f"{n}", 1000 * (n + 1), "", n) for n in range(len(first))]
    found = measured_rates(storage, ["web.documents"], {"web": sizes})["web.documents"]
    assert (found.core_seconds, found.once_core_seconds) == pytest.approx((rate, once))


def test_where_all_tasks_were_first_what_they_loaded_is_paid_once(tmp_path: Path) -> None:
    """A run of no more shards than workers: 2 s of 5 grow with the input."""
    storage = LocalStorage(tmp_path)
    (tmp_path / "web" / "tokens").mkdir(parents=True)
    receipts = Receipts(storage, "web/tokens")
    for key in ("00000", "00001"):
        effort = {"cpu_seconds": 5.0, "peak_bytes": 1, "is_first": True, "loading_seconds": 3.0}
        receipts.add(Receipt("web.tokens", key, key, {}, 1, 500, 0, "", {}, effort=effort))
    receipts.flush()
    found = measured_rates(storage, ["web.tokens"], {"web": specs("web", 0, 1)})["web.tokens"]
    assert (found.core_seconds, found.once_core_seconds) == pytest.approx((0.002, 6.0))


def test_of_a_corpus_stages_steps_what_workers_load_is_paid_once(tmp_path: Path) -> None:
    """Two workers' first tasks took 3 s, the other six 1 s each."""
    spent = Spent(True, 8, 8, 12.0, n_first=2, first_cpu_seconds=6.0)
    note_costs(LocalStorage(tmp_path), {"web.dedup.decide.describe": spent}, {"web": 1000})
    rate = recorded_rates(LocalStorage(tmp_path), [])["web.dedup.decide"]
    assert (rate.core_seconds, rate.once_core_seconds) == pytest.approx((0.008, 4.0))
    done = [PlanItem("web.dedup.decide.describe", 8, 0)]
    rate = recorded_rates(LocalStorage(tmp_path), done)["web.dedup.decide"]
    assert (rate.core_seconds, rate.once_core_seconds) == (0, 0)


def test_what_several_iterations_ask_for_is_planned_once() -> None:
    """By the folder that it is written to."""
    spent = Spent(True)
    for folder in ("sample-crawl", "sample-crawl", "iteration-2/grow-seeds"):
        spent.plan(folder, 4)
    assert spent.n_planned == 8


def test_an_estimate_from_a_runs_own_measurements(
    configure: Callable[..., Config], tmp_path: Path
) -> None:
    """Of a run that decides duplicates anew, with all that follows: the bytes of tables and of the
    product within a quarter, of every unit that runs (CPU seconds are no measure in a test)."""
    folder = tmp_path / "run"
    run(configure(folder), address="local")
    assert verify(folder) == []
    config = configure(folder, "dedup.threshold=0.8", "emit.seed=1")
    expected = forecast(config).cost
    assert all(unit.measured_here for unit in expected.units)
    report = run(config, address="local")
    written = {
        path: path.stat().st_size
        for path in folder.rglob("*.parquet")
        if any(f"/{name}/" in path.as_posix() for name in ("shards", "dedup", "redact"))
        and "dedup/measure" not in path.as_posix()
    }
    product = sum(size for path, size in written.items() if path.parent.parent.name == "shards")
    redact = sum(size for path, size in written.items() if path.parent.name == "redact")
    dedup = sum(written.values()) - product - redact
    found = {unit.unit: unit.table_bytes for unit in expected.units}
    assert expected.product_bytes == pytest.approx(product, rel=0.25)
    assert found["github.redact"] + found["web.redact"] == pytest.approx(redact, rel=0.25)
    assert sum(found[f"{c}.dedup.decide"] for c in ("github", "web")) == pytest.approx(
        dedup, rel=0.25
    )
    assert {unit.unit for unit in expected.units} >= {unit_of(step) for step in report.steps}


def test_steps_that_are_up_to_date_cost_nothing(tmp_path: Path) -> None:
    """Of a corpus stage that has run before, step by step; training and its models do not grow with
    the input."""
    storage = LocalStorage(tmp_path)
    spent = {
        "web.recall.decide.train-target": Spent(False, 2, 2, 30.0, 10, 5),
        "web.recall.decide.score-pages": Spent(True, 4, 4, 8.0, 400, 7),
        "web.recall.decide.recall-pages": Spent(False, 4, 1, 1.0, 100, 3),
        "web.documents": Spent(False, 4, 4, 99.0, 100, 3),
    }
    note_costs(storage, spent, {"web": 1000})
    items = [
        PlanItem("web.recall.decide.train-target", 2, 0),
        PlanItem("web.recall.decide.recall-pages", 4, 4),
    ]
    cost = estimate(items, {"web": 2000}, recorded_rates(storage, items))
    (unit,) = cost.units
    assert unit.core_seconds == pytest.approx(2 * (8 + 4 * 1))
    assert (unit.table_bytes, unit.scratch_bytes) == (800, 800)
    items[0] = PlanItem("web.recall.decide.train-target", 2, 1)
    cost = estimate(items, {"web": 2000}, recorded_rates(storage, items))
    assert cost.units[0].core_seconds == pytest.approx(15 + 2 * (8 + 4 * 1))
    assert cost.units[0].table_bytes == 800 + 10 / 2
    note_costs(storage, {"web.recall.decide.train-target": Spent(False, 2, 1, 1.0)}, {"web": 1000})
    assert step_costs(storage)["web.recall.decide.train-target"].share == 1


def test_defaults_cover_every_unit_of_the_web_and_of_github() -> None:
    """No rate is negative, and each corpus reads, deduplicates and emits."""
    rates = default_rates()
    for corpus in ("web", "github"):
        needed = {f"{corpus}.documents", f"{corpus}.dedup.decide", f"emit.{corpus}"}
        assert needed <= rates.keys()
    for rate in rates.values():
        values = dataclasses.astuple(rate)
        assert all(value >= 0 for value in values)
        assert not rate.measured_here


def test_the_document_is_what_the_table_says() -> None:
    """Regenerate it with `python -m benchmarks.cost_table document > docs/cost.md`."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_a_crawl_costs_as_many_times_one_file_as_it_has_files() -> None:
    """The document's rows are one rate at several sizes; training is paid once."""
    once = web_estimate(0).core_hours
    one, crawl = web_estimate(WARC_BYTES), web_estimate(CRAWL_WARCS * WARC_BYTES)
    assert crawl.core_hours - once == pytest.approx(CRAWL_WARCS * (one.core_hours - once))
    assert 0 < once < one.core_hours < 10


def test_rates_can_be_measured_again(configure: Callable[..., Config], tmp_path: Path) -> None:
    """The table written from a run's log has that run's units, and is valid."""
    from rich.console import Console

    from pipeline.cli.progress.monitor import ProgressMonitor

    config = configure(tmp_path / "run", "github.inputs=[]")
    with ProgressMonitor(Console(quiet=True), config.run) as monitor:
        run(config, stages=["web.dedup"], address="local", monitor=monitor)
    table = tomllib.loads(rates_of(config.run))
    assert list(table["rates"]) == ["web.documents", "web.dedup.measure", "web.dedup.decide"]
    assert table["rates"]["web.dedup.decide"]["scratch_bytes"] > 0
    assert table["rates"]["web.documents"]["scratch_bytes"] == 0
    shipped = tomllib.loads(files("seeds").joinpath("cost.toml").read_text(encoding="utf-8"))
    assert table.keys() == shipped.keys()


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_234_567, "1.23 MB"), (9e16, "90 PB")],
)
def test_sizes_have_three_digits(n_bytes: float, shown: str) -> None:
    """And decimal units."""
    assert show_size(n_bytes) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1.2, "1 core-second"), (359, "359 core-seconds"), (360, "0.10 core-hours")],
)
def test_little_work_is_told_in_seconds(seconds: float, shown: str) -> None:
    """Of a demo hours would say nothing."""
    assert show_work(seconds / 3600) == shown


def test_a_plan_says_what_it_costs(configure: Callable[..., Config], tmp_path: Path) -> None:
    """Before anything has run the defaults are used, and afterwards nothing is left to pay."""
    config = configure(tmp_path / "run", "github.inputs=[]")
    found = forecast(config, stages=["web.dedup"])
    items, before = found.items, found.cost
    assert items[0].step == "web.documents"
    assert [unit.unit for unit in before.units] == [
        "web.documents",
        "web.dedup.measure",
        "web.dedup.decide",
    ]
    assert before.core_hours > 0
    assert before.summary().startswith("about 0 core-seconds; product 0 B, tables ")
    run(config, stages=["web.dedup"], address="local")
    after = forecast(config, stages=["web.dedup"]).cost
    assert after.units == ()
    changed = forecast(config_with(config, tmp_path), stages=["web.documents"]).cost
    assert [unit.measured_here for unit in changed.units] == [True]


def config_with(config: Config, folder: Path) -> Config:
    """The same configuration after one of its inputs has grown."""
    one = folder / "grown.warc.gz"
    source = Path(sorted(Path(config.web.inputs[0]).parent.glob("*.warc.gz"))[0])
    one.write_bytes(source.read_bytes())
    inputs = (*config.web.inputs, str(one))
    return dataclasses.replace(config, web=config.web.model_copy(update={"inputs": inputs}))
