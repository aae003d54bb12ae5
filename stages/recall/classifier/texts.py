"""A trained classifier over texts: what `sluice recall score` runs, for Python.

    from stages.recall import Classifier
    code = Classifier.load("code.arrow")
    code.score(["def f(x): return x", "Once upon a time"])     # probabilities
    code.recalled(texts)                                       # those at the model's threshold

The file holds the calibration and the threshold beside the table of scores, and says what its texts
are split into. Cost: splitting the text; the look-ups take a tenth of that.
"""

from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.errors import ConfigError, InputError
from stages.kernels.elementary import Float64
from stages.recall.classifier.model import TrainedModel, load_model
from stages.recall.classifier.tokens import tokenise
from stages.regular_files import read_regular

Texts: TypeAlias = Sequence[str | None] | pa.Array | pa.ChunkedArray
ROWS_AT_ONCE = 2048


class Classifier:
    """Scores texts by the model of a file."""

    def __init__(self, model: TrainedModel) -> None:
        self.model = model

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Classifier":
        """The model of `sluice recall train`, or of a run's iteration. ConfigError if there is no
        such file, InputError if it is none."""
        return cls.of_bytes(read_model_file(fspath(path)), fspath(path))

    @classmethod
    def of_bytes(cls, data: bytes, name: str) -> "Classifier":
        """The model of a file's bytes; `name` is what errors call it."""
        try:
            return cls(load_model(data))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error

    @property
    def threshold(self) -> float:
        """The probability from which a text is recalled."""
        return self.model.calibration.threshold

    def score(self, texts: Texts) -> Float64:
        """The calibrated probability of every text; a null reads as the empty text. TypeError for a
        single text, which would be read as a list of its characters."""
        if isinstance(texts, str):
            raise TypeError("score takes a list or an Arrow array of texts; give [text] for one")
        found = [self.model.probabilities(tokenise(part, self.model.tokens)) for part in _in(texts)]
        return np.concatenate([np.zeros(0), *found])

    def recalled(self, texts: Texts) -> npt.NDArray[np.bool_]:
        """Which texts are the target's."""
        return np.asarray(self.score(texts) >= self.threshold)


def read_model_file(path: str) -> bytes:
    """The bytes of a model file; ConfigError if there is none."""
    try:
        return read_regular(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error


def _in(texts: Texts) -> Iterator[pa.Array]:
    """The texts in arrays of a bounded number of rows."""
    for start in range(0, len(texts), ROWS_AT_ONCE):
        part = texts[start : start + ROWS_AT_ONCE]
        if isinstance(part, pa.ChunkedArray):
            part = part.combine_chunks()
        if not isinstance(part, pa.Array):
            part = pa.array(part, pa.large_string())
        yield part
