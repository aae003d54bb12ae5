"""What a run will cost: core-hours and bytes, from what its units have cost before.

Their rates are those of this run folder where it has any, else the measured defaults of
`seeds/cost.toml`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipeline.configuration import Config
from pipeline.configuration.names import DECIDE, MEASURE, StepName
from pipeline.configuration.registry import CONFIGURED, DECONTAMINATE, TOKENS
from pipeline.engine.plans import PlanItem
from pipeline.inspection.counted import counted
from pipeline.inspection.rates import (
    Rate,
    corpus_of,
    default_rates,
    is_emit,
    own_rates,
    shard_sizes,
    stored_bytes,
    unit_of,
)
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.storage import Storage
from stages.decontaminate.options import DecontaminateOptions

SECONDS_PER_HOUR = 3600
SHORT_SECONDS = 360
"""Less CPU time than that is told in seconds."""


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
            f"about {show_work(self.core_hours)}; product {show_size(self.product_bytes)}, "
            f"tables {show_size(self.table_bytes)} ({show_size(self.token_bytes)} of them tokens), "
            f"scratch at most {show_size(self.scratch_bytes)} ({whence})"
        )


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
        table_bytes=round(share * n_bytes * rate.table_bytes + rate.once_table_bytes),
        scratch_bytes=round(share * n_bytes * rate.scratch_bytes + rate.once_scratch_bytes),
        measured_here=rate.measured_here,
    )


def estimate_run(
    storage: Storage,
    items: Sequence[PlanItem],
    inputs: Mapping[str, Sequence[InputSpec]],
    config: Config,
) -> Estimate:
    """As `estimate`, with the run folder's own rates where it has any."""
    rates = _rates_of(config) | own_rates(storage, items, inputs)
    sizes = {corpus: shard_sizes(specs) for corpus, specs in inputs.items()}
    return estimate(items, corpus_bytes(inputs), rates, sizes)


def _rates_of(config: Config) -> dict[str, Rate]:
    """The defaults, but for decontamination without benchmarks: it reads none and looks for
    nothing, so what measures costs what decides, which writes as many rows."""
    rates = default_rates()
    for corpus in CONFIGURED:
        name = StepName(corpus, DECONTAMINATE)
        if not config.options(name, DecontaminateOptions).benchmarks:
            decides = rates[str(replace(name, half=DECIDE))]
            rates[str(replace(name, half=MEASURE))] = decides
    return rates


def corpus_bytes(inputs: Mapping[str, Sequence[InputSpec]]) -> dict[str, int]:
    """Corpus → stored bytes of its inputs."""
    return {corpus: sum(map(stored_bytes, specs)) for corpus, specs in inputs.items()}


def show_work(core_hours: float) -> str:
    """CPU time for people; of a small run its seconds."""
    seconds = core_hours * SECONDS_PER_HOUR
    if seconds < SHORT_SECONDS:
        return counted(round(seconds), "core-second")
    return f"{core_hours:,.2f} core-hours"


def show_size(n_bytes: float) -> str:
    """Bytes for people: three significant digits, decimal units."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} PB"
