"""Decontaminate: drop documents that hold a problem of a benchmark.

DeepSeek-Coder (arXiv 2401.14196) section 2.3 and DeepSeekMath (2402.03300) section 2.1 drop what
shares a 10-gram with a benchmark, or a whole shorter field. What counts as one is in `index`, what
is read from a benchmark in `benchmarks`. The spans found are kept as evidence (SET/ITEM), bytes
of the text as it is.

Cost: one pass with a state of ten tokens, 70-95 MB/s a core on code; the index is built once per
worker, when the first batch comes.
"""

from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.spans import SPAN_MEASURES
from schemas.verdicts import REASONS
from stages.decontaminate.benchmarks import benchmark_files, content_hashes, read_items
from stages.decontaminate.composition import composed
from stages.decontaminate.index import Index, build_index, matches
from stages.decontaminate.options import DecontaminateOptions
from stages.kernels.arrow import utf8_buffers
from stages.kernels.spans import Span, merged, spans_array

(BENCHMARK,) = REASONS["decontaminate"]


class DecontaminateStage:
    """Measures where benchmark problems occur; drops documents in which one does.

    The measures depend on the content of the benchmark files, which `resources` names, not on
    where the folders lie: no option is `measured_with`.
    """

    name: ClassVar[str] = "decontaminate"
    version: ClassVar[int] = 4
    libraries: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[DecontaminateOptions]] = DecontaminateOptions
    reads: ClassVar[tuple[str, ...]] = ("text",)
    optional: ClassVar[tuple[str, ...]] = ()
    measured_with: ClassVar[frozenset[str]] = frozenset()
    decides_on: ClassVar[tuple[str, ...]] = ()
    schema: pa.Schema = SPAN_MEASURES

    def __init__(self, options: DecontaminateOptions) -> None:
        self.options = options
        self._files = benchmark_files(options.benchmarks)
        self._items = [item for path in self._files for item in read_items(path)]

    def resources(self) -> dict[str, str]:
        """Benchmark file → xxh3_128 of its bytes."""
        return content_hashes(self._files)

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The occurrences of benchmark problems in every text of the batch."""
        rows: list[list[Span]] = [[] for _ in range(batch.num_rows)]
        if self._items:
            for row, spans in self._spans(batch.column("text")).items():
                rows[row] = merged(spans)
        return pa.record_batch([spans_array(rows)], schema=self.schema)

    def decide(self, measures: pa.RecordBatch) -> pa.Array:
        """`benchmark` for every document with a span."""
        found = pc.greater(pc.list_value_length(measures["spans"]), 0)
        return pc.if_else(found, pa.scalar(BENCHMARK, pa.string()), pa.scalar(None, pa.string()))

    @cached_property
    def _index(self) -> Index:
        return build_index(self._items)

    def _spans(self, text: pa.Array) -> dict[int, list[Span]]:
        offsets, data = utf8_buffers(text)
        spans: dict[int, list[Span]] = {}
        for row, start, end, item in matches(offsets, data, self._index).tolist():
            spans.setdefault(row, []).append((start, end, self._items[item].kind))
        for row in range(len(text)):
            composition = composed(data[offsets[row] : offsets[row + 1]])
            if composition is not None:
                ends = np.array([0, len(composition.data)], np.int64)
                found = matches(ends, composition.data, self._index).tolist()
                spans[row] = [
                    (*composition.original(start, end), self._items[item].kind)
                    for _, start, end, item in found
                ]
        return spans
