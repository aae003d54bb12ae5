"""`costs.json`: what the steps of corpus stages have cost in this run folder.

Their objects are deleted when the stage is committed, and their receipts with them; what they cost
is kept here for the next `plan`. A run that did only part of a step (it went on where another had
stopped) is scaled to the whole, and counts where nothing better is known.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pipeline.configuration.names import StepName
from pipeline.engine.outcomes import Spent
from pipeline.storage.json_files import read_json
from pipeline.storage.storage import Storage

COSTS = "costs.json"


@dataclass(frozen=True)
class StepCost:
    """What a whole step costs per stored byte of its corpus's inputs, of which it had
    `input_bytes`."""

    core_seconds: float
    table_bytes: float
    scratch_bytes: float
    task_bytes: int
    input_bytes: int
    share: float
    """Of its tasks, how many were measured."""
    text_bytes: float = 0.0
    """Of documents, that it read."""
    once_core_seconds: float = 0.0
    """Besides, whatever the input: what workers load."""


def step_costs(storage: Storage) -> dict[str, StepCost]:
    """Step → what it has cost; empty if nothing is known."""
    if not storage.exists(COSTS):
        return {}
    remedy = "delete it, and `sluice run` begins it anew"
    return read_json(
        storage,
        COSTS,
        lambda content: {step: StepCost(**row) for step, row in content.items()},
        remedy,
    )


def note_costs(
    storage: Storage, spent: Mapping[str, Spent], input_bytes: Mapping[str, int]
) -> None:
    """Keep what a run's corpus stages cost."""
    known = step_costs(storage)
    before = dict(known)
    for step, one in spent.items():
        name = StepName.parse(step)
        size = input_bytes.get(name.corpus or "", 0)
        if name.task is None or not one.n_done or not size:
            continue
        share = one.n_done / max(one.n_planned, one.n_done)
        if step in known and share < known[step].share:
            continue
        whole = share * size
        once = _loading(one)
        known[step] = StepCost(
            core_seconds=(one.cpu_seconds - once) / whole,
            table_bytes=0.0 if one.is_scratch else one.n_bytes / whole,
            scratch_bytes=one.n_bytes / whole if one.is_scratch else 0.0,
            task_bytes=one.peak_bytes,
            input_bytes=size,
            share=share,
            text_bytes=one.text_bytes / whole,
            once_core_seconds=once,
        )
    if known != before:
        content = {step: asdict(one) for step, one in sorted(known.items())}
        storage.write(COSTS, json.dumps(content, indent=1).encode())


def _loading(one: Spent) -> float:
    """What workers' first tasks took longer than their others; none known where all were first."""
    if one.n_first == one.n_done:
        return 0.0
    usual = (one.cpu_seconds - one.first_cpu_seconds) / (one.n_done - one.n_first)
    return max(one.first_cpu_seconds - one.n_first * usual, 0.0)
