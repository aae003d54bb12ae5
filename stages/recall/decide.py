"""From scores to verdicts.

A page is recalled by each target whose threshold its probability reaches; its `target` is the one
it passes by the most log-odds. Of the rest, a share is kept as natural language: drawn by
identity, so that the draw does not depend on shards or order.
"""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.recall import NATURAL, recall_measures
from schemas.verdicts import REASONS
from stages.contract import ROW, SHARD, Artefact, Batches
from stages.kernels.elementary import log
from stages.kernels.routes import ByNumber, Route
from stages.recall.classifier.examples import drawn_rows
from stages.recall.classifier.model import load_model
from stages.recall.classifier.score import PAGE, score_schema

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]
TINY = 1e-300
PLACES = frozenset(field.name for field in PAGE)

(NOT_RECALLED,) = REASONS["recall"]


def to_shards(targets: tuple[str, ...]) -> Route:
    """Every score to its page's shard."""
    narrow = [field for field in score_schema(targets) if field.name not in PLACES]
    return Route(pa.schema([pa.field(ROW, pa.int64()), *narrow]), ByNumber(SHARD))


@dataclass(frozen=True)
class RecallPages:
    """The verdict on every page of a shard."""

    targets: tuple[str, ...]
    models: tuple[Artefact, ...]
    threshold: float | None
    natural_share: float
    seed: int
    iteration: int
    drops: bool = True
    """Whether pages that are neither recalled nor drawn are dropped."""
    budget: Artefact | None = None
    """Of `FindThresholds`: they raise the threshold, the models' or that of the options."""

    reads: ClassVar = (ROW, "doc_id")
    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        fields = [pa.field("reason", pa.string()), *recall_measures(self.targets)]
        object.__setattr__(self, "schema", pa.schema(fields))

    def __call__(self, batches: Batches, records: pa.Table) -> Batches:
        """Read `reads` of all rows and the shard's scores; yield `schema`. A page without a score
        was dropped before, or is none that could be recalled: its measures are null."""
        rows = records[ROW].to_numpy()
        order = np.argsort(rows)
        thresholds = self._thresholds()
        for batch in batches:
            place = _places(rows, order, batch.column(ROW).to_numpy())
            scored = pc.is_valid(place).to_numpy(zero_copy_only=False)
            columns = [
                records[f"score_{name}"].combine_chunks().take(place) for name in self.targets
            ]
            scores = self._scores(columns, len(batch))
            recalled = scores >= thresholds[:, None]
            passes = np.logical_or.reduce(recalled, axis=0)
            drawn = drawn_rows(batch.column("doc_id"), self.natural_share, self.seed)
            natural = drawn.to_numpy(zero_copy_only=False) & ~passes & scored
            yield pa.record_batch(
                [
                    _where(scored & ~passes & ~natural & self.drops, NOT_RECALLED),
                    *columns,
                    self._lists(recalled, scored),
                    self._best(scores, thresholds, passes, natural),
                    pa.array(self._first(records, place), mask=~passes),
                ],
                schema=self.schema,
            )

    def _thresholds(self) -> Vector:
        """One a target: the option's or its model's own, raised where its tokens are limited."""
        if self.threshold is None:
            models = (load_model(artefact.read()) for artefact in self.models)
            own = [model.decision.threshold for model in models]
        else:
            own = [self.threshold] * len(self.targets)
        raised = json.loads(self.budget.read()) if self.budget else {}
        limits = (raised.get(target, 0.0) for target in self.targets)
        return np.array([max(pair) for pair in zip(own, limits, strict=True)])

    def _first(self, records: pa.Table, place: pa.Array) -> npt.NDArray[np.int32]:
        """The first iteration each page passed in, by the calibrated thresholds; the last one for
        a page that only passes by the threshold of the options."""
        first = records["iteration"].combine_chunks().take(place)
        return np.asarray(first.fill_null(self.iteration).to_numpy(zero_copy_only=False), np.int32)

    def _scores(self, columns: list[pa.Array], n_rows: int) -> Matrix:
        """[n_targets, n_rows]; -inf where there is no score."""
        scores = [column.fill_null(-np.inf).to_numpy() for column in columns]
        return np.array(scores, np.float64).reshape(len(columns), n_rows)

    def _lists(self, recalled: npt.NDArray[np.bool_], scored: npt.NDArray[np.bool_]) -> pa.Array:
        # Transposed, the nonzero places come row by row, and in a row by target: the values of a
        # list array as they are.
        rows, which = np.nonzero(recalled.T)
        counts = np.bincount(rows, minlength=len(scored))
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        names = pa.array(np.array(self.targets, np.object_)[which], pa.string())
        return pa.ListArray.from_arrays(offsets, names, mask=pa.array(~scored))

    def _best(
        self,
        scores: Matrix,
        thresholds: Vector,
        passes: npt.NDArray[np.bool_],
        natural: npt.NDArray[np.bool_],
    ) -> pa.Array:
        # The place behind the last target is that of `natural`.
        names = np.array([*self.targets, NATURAL], np.object_)
        best = np.full(scores.shape[1], len(self.targets))
        if self.targets:
            margins = log_odds(scores) - log_odds(thresholds)[:, None]
            best = np.where(natural, best, margins.argmax(axis=0))
        return pa.array(names[best], pa.string(), mask=~(passes | natural))


def _places(
    rows: npt.NDArray[np.int64], order: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]
) -> pa.Array:
    """Where each wanted row is in `rows`, which `order` sorts; null where it is not."""
    if not len(rows):
        return pa.nulls(len(wanted), pa.int64())
    place = order[np.minimum(np.searchsorted(rows, wanted, sorter=order), len(rows) - 1)]
    return pa.array(place, mask=rows[place] != wanted)


def _where(rows: npt.NDArray[np.bool_], value: str) -> pa.Array:
    return pa.array(np.full(len(rows), value, np.object_), pa.string(), mask=~rows)


def log_odds(probability: Matrix) -> Matrix:
    """log(p / (1 - p)); far below and above stay finite."""
    return log(np.maximum(probability, TINY)) - log(np.maximum(1 - probability, TINY))
