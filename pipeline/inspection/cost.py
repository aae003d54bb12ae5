"""What a run will cost: core-hours and bytes, from what its steps have cost before.

A unit is what `plan` can tell apart: a source, a map stage, the two halves of a filter, a corpus
stage with all its steps. Its rates (core-seconds and bytes per stored byte of the corpus's inputs)
are those of this run folder where it has any, else the measured defaults of `seeds/cost.toml`: of a
source and a map stage by the receipts of its shards; of a corpus stage, whose intermediates are
gone once it is committed, step by step by `costs.json`, so that a step that need not run again
(training) is not counted. Everything here grows with the input in proportion; near-duplicate
removal does as long as the share of duplicates does not change.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import EMIT, TOKENS
from pipeline.engine.plans import PlanItem
from pipeline.inspection.step_costs import step_costs
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import Storage

TABLE = "cost.toml"
SECONDS_PER_HOUR = 3600
ONCE = ("tokenise-seeds", "train-target")
"""Steps that depend on seeds alone."""
LISTED_BYTES = 940_000_000
"""A WARC file of Common Crawl, as they usually are."""


@dataclass(frozen=True)
class Rate:
    """What a unit costs per stored byte of input."""

    core_seconds: float
    table_bytes: float
    """Of what stays in the run folder; of an emit, the product."""
    scratch_bytes: float
    """Of intermediates that are deleted when the unit is committed."""
    task_bytes: int
    """The largest task's peak memory; at most `engine.task_memory_bytes` should be asked."""
    once_core_seconds: float = 0.0
    """Paid once, whatever the input: training."""
    measured_here: bool = False
    by_step: bool = False
    """Whether what is up to date is left out already."""


@dataclass(frozen=True)
class UnitCost:
    """What one unit of a plan will cost."""

    unit: str
    share: float
    """Of its tasks, how many are to be done."""
    core_seconds: float
    table_bytes: int
    scratch_bytes: int
    measured_here: bool


@dataclass(frozen=True)
class Estimate:
    """What a plan will cost, unit by unit, and in all."""

    units: tuple[UnitCost, ...]

    @property
    def core_hours(self) -> float:
        return sum(unit.core_seconds for unit in self.units) / SECONDS_PER_HOUR

    @property
    def product_bytes(self) -> int:
        """Of the shards."""
        return sum(unit.table_bytes for unit in self.units if is_emit(unit.unit))

    @property
    def table_bytes(self) -> int:
        """Of the documents and the tables beside them: what a later run builds upon."""
        return sum(unit.table_bytes for unit in self.units if not is_emit(unit.unit))

    @property
    def token_bytes(self) -> int:
        """Of these, what holds the documents' tokens: it may be left out (`tokens.store`)."""
        tokens = (unit for unit in self.units if StepName.parse(unit.unit).stage == TOKENS)
        return sum(unit.table_bytes for unit in tokens)

    @property
    def scratch_bytes(self) -> int:
        """The most that lies in `scratch/` at one time: corpus stages run one after another."""
        return max((unit.scratch_bytes for unit in self.units), default=0)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "core_hours": self.core_hours,
            "product_bytes": self.product_bytes,
            "table_bytes": self.table_bytes,
            "token_bytes": self.token_bytes,
            "scratch_bytes": self.scratch_bytes,
            "units": [asdict(unit) for unit in self.units],
        }

    def summary(self) -> str:
        """One line for people."""
        here = sum(unit.measured_here for unit in self.units)
        whence = (
            f"{here} of {len(self.units)} rates measured in this run folder"
            if here
            else "rates of another corpus: run some of it, and this run's own are taken"
        )
        return (
            f"about {self.core_hours:,.2f} core-hours; product {show_size(self.product_bytes)}, "
            f"tables {show_size(self.table_bytes)} ({show_size(self.token_bytes)} of them tokens), "
            f"scratch at most {show_size(self.scratch_bytes)} ({whence})"
        )


def unit_of(step: str) -> str:
    """`web.dedup.decide.judge` → `web.dedup.decide`; `emit.web.write-samples` → `emit.web`."""
    return str(StepName.parse(step).unit)


def corpus_of(unit: str) -> str:
    """The corpus whose inputs a unit's rates refer to."""
    return StepName.parse(unit).corpus or ""


def is_emit(unit: str) -> bool:
    """Whether the unit writes the product."""
    return StepName.parse(unit).stage == EMIT


def default_rates() -> dict[str, Rate]:
    """The table of measured defaults."""
    content = tomllib.loads(files("seeds").joinpath(TABLE).read_text(encoding="utf-8"))
    return {unit: Rate(**row) for unit, row in content["rates"].items()}


def measured_rates(
    storage: Storage, units: Iterable[str], inputs: Mapping[str, Sequence[InputSpec]]
) -> dict[str, Rate]:
    """The rates of the units that this run folder has receipts of, shard by shard."""
    sizes = {corpus: shard_sizes(specs) for corpus, specs in inputs.items()}
    found = {}
    for unit in units:
        if is_emit(unit):
            continue
        folder = StepName.parse(unit).folder
        receipts = [one for one in parse_receipts(storage, folder).values() if one.step == unit]
        own = sizes.get(corpus_of(unit), {})
        read = sum(own.get(int(receipt.key), 0) for receipt in receipts)
        if read:
            efforts = [receipt.effort for receipt in receipts]
            found[unit] = Rate(
                core_seconds=sum(effort["cpu_seconds"] for effort in efforts) / read,
                table_bytes=sum(receipt.size for receipt in receipts) / read,
                scratch_bytes=0.0,
                task_bytes=max(effort["peak_bytes"] or 0 for effort in efforts),
                measured_here=True,
            )
    return found


def recorded_rates(storage: Storage, items: Sequence[PlanItem]) -> dict[str, Rate]:
    """The rates of the corpus stages that this run folder has gone through, for the steps that
    `items` do not show to be up to date."""
    shares: dict[str, tuple[int, int]] = {}
    for item in items:
        stale, tasks = shares.get(item.step, (0, 0))
        shares[item.step] = stale + item.n_stale, tasks + item.n_tasks
    rates: dict[str, Rate] = {}
    for step, one in step_costs(storage).items():
        stale, tasks = shares.get(step, (1, 1))
        share = stale / max(tasks, 1)
        unit = unit_of(step)
        before = rates.get(unit, Rate(0.0, 0.0, 0.0, 0, measured_here=True, by_step=True))
        is_once = step.rpartition(".")[2] in ONCE
        rates[unit] = replace(
            before,
            core_seconds=before.core_seconds + (0 if is_once else share * one.core_seconds),
            once_core_seconds=before.once_core_seconds
            + (share * one.core_seconds * one.input_bytes if is_once else 0),
            table_bytes=before.table_bytes + share * one.table_bytes,
            scratch_bytes=before.scratch_bytes + share * one.scratch_bytes,
            task_bytes=max(before.task_bytes, one.task_bytes),
        )
    return rates


def shard_sizes(specs: Iterable[InputSpec]) -> dict[int, int]:
    """Shard → stored bytes of its inputs."""
    sizes: dict[int, int] = {}
    for spec in specs:
        sizes[spec.shard] = sizes.get(spec.shard, 0) + _stored_bytes(spec)
    return sizes


def _stored_bytes(spec: InputSpec) -> int:
    """A crawl's list names its files without their sizes, of which nobody asks the server."""
    return LISTED_BYTES if spec.listed and not spec.size else spec.size


def estimate(
    items: Sequence[PlanItem],
    input_bytes: Mapping[str, int],
    rates: Mapping[str, Rate],
    sizes: Mapping[str, Mapping[int, int]] | None = None,
) -> Estimate:
    """The cost of what is stale. A unit without a rate counts nothing. `sizes` (corpus → shard →
    stored bytes) weighs shards by what they hold."""
    shares: dict[str, float] = {}
    for item in items:
        named = unit_of(item.step)
        for unit in rates if item.n_stale else ():
            if named in (unit, str(StepName.parse(unit).whole)):
                share = (
                    1.0
                    if rates[unit].by_step
                    else _share(item, (sizes or {}).get(corpus_of(unit), {}))
                )
                shares[unit] = max(shares.get(unit, 0.0), share)
    return Estimate(
        tuple(
            unit_cost(unit, share, input_bytes.get(corpus_of(unit), 0), rates[unit])
            for unit, share in shares.items()
        )
    )


def _share(item: PlanItem, sizes: Mapping[int, int]) -> float:
    """How much of a step's input is to be gone through again."""
    total = sum(sizes.values())
    if total and len(sizes) == item.n_tasks and all(key.isdigit() for key in item.stale):
        return sum(sizes.get(int(key), 0) for key in item.stale) / total
    return item.n_stale / item.n_tasks


def unit_cost(unit: str, share: float, n_bytes: int, rate: Rate) -> UnitCost:
    """A rate times the bytes it is to be paid for."""
    return UnitCost(
        unit=unit,
        share=share,
        core_seconds=share * n_bytes * rate.core_seconds + rate.once_core_seconds,
        table_bytes=round(share * n_bytes * rate.table_bytes),
        scratch_bytes=round(share * n_bytes * rate.scratch_bytes),
        measured_here=rate.measured_here,
    )


def estimate_run(
    storage: Storage, items: Sequence[PlanItem], inputs: Mapping[str, Sequence[InputSpec]]
) -> Estimate:
    """As `estimate`, with the run folder's own rates where it has any."""
    units = set(default_rates())
    rates = (
        default_rates() | recorded_rates(storage, items) | measured_rates(storage, units, inputs)
    )
    sizes = {corpus: shard_sizes(specs) for corpus, specs in inputs.items()}
    return estimate(items, corpus_bytes(inputs), rates, sizes)


def corpus_bytes(inputs: Mapping[str, Sequence[InputSpec]]) -> dict[str, int]:
    """Corpus → stored bytes of its inputs."""
    return {corpus: sum(map(_stored_bytes, specs)) for corpus, specs in inputs.items()}


def show_size(n_bytes: float) -> str:
    """Bytes for people: three significant digits, decimal units."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} PB"
