"""What a unit costs for each stored byte of its corpus's inputs, as it was measured.

A unit is what `plan` can tell apart: a source, a map stage, the two halves of a filter, a corpus
stage with all its steps. Of a source and a map stage the receipts of its shards say what they cost;
of a corpus stage, whose intermediates are gone once it is committed, `costs.json` does, step by
step, so that a step that need not run again (training) is not counted.

What a unit costs grows with the input in proportion (near-duplicate removal as long as the share of
duplicates does not change), but for two things that are paid once: steps whose examples are as many
as the configuration says, and what a worker loads before the first of its tasks, which is what that
took longer than the others of as many bytes.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from pipeline.configuration.names import DECIDE, MEASURE, StepName
from pipeline.configuration.registry import CORPORA, DOCUMENTS, EMIT, stages_of
from pipeline.engine.plans import PlanItem
from pipeline.inspection.step_costs import step_costs
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import Storage

TABLE = "cost.toml"
ONCE = ("tokenise-seeds", "tokenise-examples", "sample-crawl", "grow-seeds", "train-target")
"""Steps that gather the examples of training, or train: of a larger input there are no more."""
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
    """Paid once, whatever the input: training, and what workers load."""
    once_table_bytes: float = 0.0
    once_scratch_bytes: float = 0.0
    measured_here: bool = False
    by_step: bool = False
    """Whether what is up to date is left out already."""


def unit_of(step: str) -> str:
    """`web.dedup.decide.judge` → `web.dedup.decide`; `emit.web.write-samples` → `emit.web`."""
    return str(StepName.parse(step).unit)


def corpus_of(unit: str) -> str:
    """The corpus whose inputs a unit's rates refer to."""
    return StepName.parse(unit).corpus or ""


def is_emit(unit: str) -> bool:
    """Whether the unit writes the product."""
    return StepName.parse(unit).stage == EMIT


def every_unit() -> list[str]:
    """All that there can be, in the order of a run."""
    return [
        str(name)
        for corpus in CORPORA
        for stage in (DOCUMENTS, *stages_of(corpus), EMIT)
        for name in (
            *(StepName(corpus, stage, half) for half in (MEASURE, DECIDE)),
            StepName(corpus, stage),
        )
    ]


def default_rates() -> dict[str, Rate]:
    """The table of measured defaults."""
    content = tomllib.loads(files("seeds").joinpath(TABLE).read_text(encoding="utf-8"))
    return {unit: Rate(**row) for unit, row in content["rates"].items()}


def own_rates(
    storage: Storage, items: Sequence[PlanItem], inputs: Mapping[str, Sequence[InputSpec]]
) -> dict[str, Rate]:
    """Those measured in this run folder, for what `items` do not show to be up to date."""
    return recorded_rates(storage, items) | measured_rates(storage, every_unit(), inputs)


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
            tasks = [(one.effort, own.get(int(one.key), 0)) for one in receipts]
            spent = sum(effort["cpu_seconds"] for effort, _ in tasks)
            rate = _lasting_rate(tasks) or spent / read
            found[unit] = Rate(
                core_seconds=rate,
                table_bytes=sum(receipt.size for receipt in receipts) / read,
                scratch_bytes=0.0,
                task_bytes=max(effort["peak_bytes"] or 0 for effort, _ in tasks),
                once_core_seconds=max(spent - rate * read, 0.0),
                measured_here=True,
            )
    return found


def _lasting_rate(tasks: Sequence[tuple[Mapping[str, Any], int]]) -> float:
    """CPU seconds a byte (efforts, and the bytes they were for) of workers that had begun with the
    step before, else of those whose loading was measured; 0 if there were none of either."""
    loading = "loading_seconds"
    later = [(effort, size) for effort, size in tasks if effort.get("is_first") is False]
    chosen = later or [(effort, size) for effort, size in tasks if loading in effort]
    read = sum(size for _, size in chosen)
    spent = sum(effort["cpu_seconds"] - effort.get(loading, 0.0) for effort, _ in chosen)
    return max(spent, 0.0) / read if read else 0.0


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
        before = replace(
            before,
            task_bytes=max(before.task_bytes, one.task_bytes),
            once_core_seconds=before.once_core_seconds + (one.once_core_seconds if stale else 0.0),
        )
        whole = share * one.input_bytes
        rates[unit] = (
            replace(
                before,
                once_core_seconds=before.once_core_seconds + whole * one.core_seconds,
                once_table_bytes=before.once_table_bytes + whole * one.table_bytes,
                once_scratch_bytes=before.once_scratch_bytes + whole * one.scratch_bytes,
            )
            if step.rpartition(".")[2] in ONCE
            else replace(
                before,
                core_seconds=before.core_seconds + share * one.core_seconds,
                table_bytes=before.table_bytes + share * one.table_bytes,
                scratch_bytes=before.scratch_bytes + share * one.scratch_bytes,
            )
        )
    return rates


def shard_sizes(specs: Iterable[InputSpec]) -> dict[int, int]:
    """Shard → stored bytes of its inputs."""
    sizes: dict[int, int] = {}
    for spec in specs:
        sizes[spec.shard] = sizes.get(spec.shard, 0) + stored_bytes(spec)
    return sizes


def stored_bytes(spec: InputSpec) -> int:
    """A crawl's list names its files without their sizes, of which nobody asks the server."""
    return LISTED_BYTES if spec.listed and not spec.size else spec.size
