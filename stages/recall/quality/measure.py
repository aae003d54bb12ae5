"""What `github.recall` measures of a file: how much its comments say, and who wrote it.

The seeds of the quality recall are picked from these figures (`quality_rule`); changing one of the
rule's thresholds reads no text again. Cost: 100 MB/s a core.
"""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.quality import QUALITY_MEASURES
from stages.kernels.arrow import utf8_buffers
from stages.kernels.counting.comments import count_comments
from stages.recall.options import QualityOptions
from stages.recall.quality.rule import COMMENTS, RULE, generated_mark, measured_with, syntaxes

HEAD_BYTES = 2048


class QualityMeasure:
    """The measuring step of `github.recall`, a map stage."""

    name: ClassVar[str] = "recall.measure"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = (COMMENTS,)
    Options: ClassVar[type[QualityOptions]] = QualityOptions
    reads: ClassVar[tuple[str, ...]] = ("language", "text")
    optional: ClassVar[tuple[str, ...]] = ()
    measured_with: ClassVar[frozenset[str]] = frozenset()
    schema: pa.Schema = QUALITY_MEASURES

    def __init__(self, options: QualityOptions) -> None:
        self._numbers, self._syntaxes = syntaxes()

    def resources(self) -> dict[str, str]:
        """The parts of the rule's table that the measures depend on."""
        return {RULE: measured_with()}

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Count the comments of each file by the syntax of its language."""
        offsets, data = utf8_buffers(batch["text"])
        default = self._numbers[None]
        numbers = [self._numbers.get(name, default) for name in batch["language"].to_pylist()]
        counts = count_comments(offsets, data, np.array(numbers, np.int32), self._syntaxes)
        heads = pc.binary_slice(batch["text"].cast(pa.large_binary()), 0, HEAD_BYTES)
        generated = pc.match_substring_regex(heads, generated_mark(), ignore_case=True)
        columns = [*map(pa.array, counts), pc.fill_null(generated, False)]
        return pa.record_batch(columns, schema=self.schema)
