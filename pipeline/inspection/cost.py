"""What a run will cost: core-hours and bytes, from what its steps have cost before.

A unit is what `plan` can tell apart: a source, a map stage, the two halves of a filter, a corpus
stage with all its steps. Its rates (core-seconds and bytes per stored byte of the corpus's inputs)
are those of this run folder as soon as one shard of the unit has a receipt, else the measured
defaults of `seeds/cost.toml`. A corpus stage's intermediates are gone once it is committed, so its
rates are always the defaults. Everything here grows with the input in proportion; near-duplicate
removal does as long as the share of duplicates does not change.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import EMIT
from pipeline.engine.plans import PlanItem
from pipeline.storage.inputs import InputSpec
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import Storage

TABLE = "cost.toml"
SECONDS_PER_HOUR = 3600
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
    def scratch_bytes(self) -> int:
        """The most that lies in `scratch/` at one time: corpus stages run one after another."""
        return max((unit.scratch_bytes for unit in self.units), default=0)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "core_hours": self.core_hours,
            "product_bytes": self.product_bytes,
            "table_bytes": self.table_bytes,
            "scratch_bytes": self.scratch_bytes,
            "units": [asdict(unit) for unit in self.units],
        }

    def summary(self) -> str:
        """One line for people."""
        here = sum(unit.measured_here for unit in self.units)
        return (
            f"about {self.core_hours:,.2f} core-hours; product {show_size(self.product_bytes)}, "
            f"tables {show_size(self.table_bytes)}, scratch at most "
            f"{show_size(self.scratch_bytes)} ({here} of {len(self.units)} rates measured in this "
            "run folder)"
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
    items: Sequence[PlanItem], input_bytes: Mapping[str, int], rates: Mapping[str, Rate]
) -> Estimate:
    """The cost of what is stale. A unit without a rate counts nothing."""
    shares: dict[str, float] = {}
    for item in items:
        named = unit_of(item.step)
        for unit in rates if item.n_stale else ():
            if named in (unit, str(StepName.parse(unit).whole)):
                shares[unit] = max(shares.get(unit, 0.0), item.n_stale / item.n_tasks)
    return Estimate(
        tuple(
            unit_cost(unit, share, input_bytes.get(corpus_of(unit), 0), rates[unit])
            for unit, share in shares.items()
        )
    )


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
    units = {unit_of(item.step) for item in items if item.n_stale}
    rates = default_rates() | measured_rates(storage, units, inputs)
    input_bytes = {corpus: sum(map(_stored_bytes, specs)) for corpus, specs in inputs.items()}
    return estimate(items, input_bytes, rates)


def show_size(n_bytes: float) -> str:
    """Bytes for people: three significant digits, decimal units."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} PB"
