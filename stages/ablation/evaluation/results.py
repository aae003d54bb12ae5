"""Evaluation folders read back and compared: two corpora, one or more training seeds each.

Both sides must have been scored on the same held-out documents. A benchmark set counts where every
model of both sides ran all of its problems; otherwise the reason it was not run is kept.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from stages.ablation.evaluation.bootstrap import (
    N_RESAMPLES,
    Comparison,
    Floats,
    Measured,
    compare,
    ratio,
)
from stages.ablation.evaluation.execute import Status
from stages.ablation.evaluation.problems import MBPP, set_names
from stages.errors import ConfigError, InputError

EVALUATION, BITS, PROBLEMS = "eval.json", "bits.parquet", "problems.parquet"
"""The files of an evaluation folder."""
AVERAGE = "Avg"
HUMANEVAL = "humaneval-"
MIN_DOCUMENTS = 5
"""Of a language, to have a row of its own: an interval over fewer says nothing."""


@dataclass(frozen=True)
class Side:
    """The models of one corpus: an evaluation folder for each training seed."""

    folders: tuple[Path, ...]
    evaluations: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """Of the corpus."""
        names = dict.fromkeys(str(one["name"]) for one in self.evaluations)
        return ", ".join(names)

    @property
    def heldout(self) -> str:
        """Fingerprint of what the models were scored on, with windows and strides."""
        return str(_single(self, "held-out sets", lambda one: json.dumps(_scored_on(one))))

    def trained(self, key: str) -> Any:
        """What all trainings say, or None where one is unknown or they differ."""
        values = [(one["training"] or {}).get(key) for one in self.evaluations]
        return values[0] if all(value == values[0] for value in values) else None

    @property
    def seeds(self) -> list[int | None]:
        """The training seeds, None where unknown."""
        return [(one["training"] or {}).get("seed") for one in self.evaluations]

    @cached_property
    def documents(self) -> pa.Table:
        """The held-out documents, without bits."""
        table = pq.read_table(self.folders[0] / BITS)
        return table.drop_columns(["bits", "n_tokens"])

    @cached_property
    def bits(self) -> Floats:
        """Seeds × documents."""
        tables = [pq.read_table(folder / BITS) for folder in self.folders]
        for folder, table in zip(self.folders, tables, strict=True):
            if not table["doc_id"].equals(tables[0]["doc_id"]):
                raise InputError(f"{folder / BITS}: other documents than {self.folders[0] / BITS}")
        return np.stack([table["bits"].to_numpy() for table in tables])

    @cached_property
    def problems(self) -> list["Solved"]:
        """What the models of each seed solved."""
        found: list[Solved] = []
        for folder in self.folders:
            sets: dict[str, dict[str, tuple[str, str]]] = {}
            if (folder / PROBLEMS).is_file():
                for row in pq.read_table(folder / PROBLEMS).to_pylist():
                    tasks = sets.setdefault(row["set"], {})
                    tasks[row["task_id"]] = row["status"], row["detail"]
            found.append(sets)
        return found


@dataclass(frozen=True)
class Row:
    """One measure of both corpora. `comparison` is None where it was not measured, then
    `missing` says why."""

    name: str
    n_units: int
    """Documents, or problems."""
    comparison: Comparison | None
    missing: str | None = None


@dataclass(frozen=True)
class Results:
    """Two corpora compared."""

    a: Side
    b: Side
    solved: tuple[Row, ...]
    """pass@1 of each set of Table 1 that was asked for, then the average of HumanEval's."""
    bits: tuple[Row, ...]
    """Bits per byte: over all documents, by source, and by source and language."""


def find_evaluations(folder: Path) -> list[Path]:
    """`folder` itself if it is an evaluation folder, else every one below it (a seed each)."""
    if (folder / EVALUATION).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"**/{EVALUATION}"))
    if not found:
        raise ConfigError(f"{folder}: no {EVALUATION} in it; `sluice ablate eval` writes one")
    return found


def read_side(folders: Sequence[Path]) -> Side:
    """A corpus's evaluations, one for each training seed."""
    evaluations = [json.loads((one / EVALUATION).read_text("utf-8")) for one in folders]
    return Side(tuple(folders), tuple(evaluations))


def compare_sides(a: Side, b: Side, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> Results:
    """Every measure that both have. ConfigError where they were scored on different documents."""
    if a.heldout != b.heldout:
        raise ConfigError(
            f"{a.folders[0]} and {b.folders[0]} were scored on different held-out documents or in "
            "different windows; evaluate both with the same --heldout, context and stride"
        )

    def compared(one: Measured, other: Measured) -> Comparison:
        return compare(one, other, n_resamples=n_resamples, seed=seed)

    return Results(a, b, tuple(_solved(a, b, compared)), tuple(_bits(a, b, compared)))


Compare = Callable[[Measured, Measured], Comparison]
Solved = Mapping[str, Mapping[str, tuple[str, str]]]
"""Set → task → status and detail."""


def _scored_on(evaluation: Mapping[str, Any]) -> list[Any]:
    return [evaluation["heldout"][key] for key in ("fingerprint", "context", "stride")]


def _single(side: Side, what: str, value: Callable[[dict[str, Any]], str]) -> str:
    values = {value(one) for one in side.evaluations}
    if len(values) > 1:
        raise ConfigError(f"{side.folders[0].parent}: the seeds have different {what}")
    return values.pop()


def _bits(a: Side, b: Side, compared: Compare) -> Iterable[Row]:
    n_bytes = a.documents["n_bytes"].to_numpy().astype(np.float64)
    sources = np.array(a.documents["source"].to_pylist())
    languages = np.array([one or "(unknown)" for one in a.documents["language"].to_pylist()])

    def row(name: str, mask: npt.NDArray[np.bool_]) -> Row:
        sides = (ratio(side.bits[:, mask], n_bytes[mask]) for side in (a, b))
        return Row(name, int(mask.sum()), compared(*sides))

    yield row("all", np.ones(len(sources), bool))
    for source in sorted(set(sources.tolist())):
        mine = sources == source
        yield row(source, mine)
        counted = {
            one: int((languages[mine] == one).sum()) for one in set(languages[mine].tolist())
        }
        frequent = [one for one, n in counted.items() if n >= MIN_DOCUMENTS]
        if len(counted) > 1:
            for language in sorted(frequent, key=lambda one: (-counted[one], one)):
                yield row(f"{source}/{language}", mine & (languages == language))


def _solved(a: Side, b: Side, compared: Compare) -> Iterable[Row]:
    """A row for each set, HumanEval's average before MBPP as in Table 1; none without problems."""
    models = [*a.problems, *b.problems]
    if not any(models):
        return
    languages = [name for name in set_names() if name.startswith(HUMANEVAL)]
    ran: list[str] = []
    for name in languages:
        yield (row := _set_row(name, a, b, models, compared))
        ran += [name] if row.comparison else []
    if len(ran) > 1:
        n_problems = sum(len(models[0][name]) for name in ran)
        yield Row(AVERAGE, n_problems, compared(*_passes(a, b, ran)))
    yield _set_row(MBPP, a, b, models, compared)


def _set_row(name: str, a: Side, b: Side, models: Sequence[Solved], compared: Compare) -> Row:
    missing = _missing(name, models)
    if missing is not None:
        return Row(set_names()[name], 0, None, missing)
    return Row(set_names()[name], len(models[0][name]), compared(*_passes(a, b, [name])))


def _missing(
    name: str, models: Sequence[Mapping[str, Mapping[str, tuple[str, str]]]]
) -> str | None:
    """Why a set does not count, or None."""
    for sets in models:
        if name not in sets:
            return "not asked of every model"
        if sets[name].keys() != models[0][name].keys():
            return "not the same problems for every model"
        for status, detail in sets[name].values():
            if status == Status.NOT_RUN:
                return f"not run: {detail}"
    return None


def _passes(a: Side, b: Side, names: Sequence[str]) -> tuple[Measured, Measured]:
    """Solved problems of both sides: a stratum for each set. The unit is the problem's number,
    which HumanEval's translations share, so that they are drawn together."""
    places: dict[Any, int] = {}
    for name in names:
        for task in sorted(a.problems[0][name]):
            places.setdefault(_number(name, task), len(places))
    sizes = np.zeros((len(names), len(places)))
    for stratum, name in enumerate(names):
        for task in a.problems[0][name]:
            sizes[stratum, places[_number(name, task)]] += 1
    found = []
    for side in (a, b):
        sums = np.zeros((len(side.folders), *sizes.shape))
        for seed, sets in enumerate(side.problems):
            for stratum, name in enumerate(names):
                for task, (status, _) in sets[name].items():
                    place = places[_number(name, task)]
                    sums[seed, stratum, place] += status == Status.PASSED
        found.append(Measured(sums, sizes))
    return found[0], found[1]


def _number(name: str, task: str) -> int | str:
    """`HumanEval_23_strlen` and `Python/23` are one problem."""
    number = re.search(r"\d+", task)
    return int(number[0]) if number and name != MBPP else task
