"""Scoring pages with trained models."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from schemas.columns import DOC_ID
from stages.contract import ROW, SHARD, Artefact, Batches
from stages.kernels.bpe import load_tokenizer
from stages.recall.model import load_model


def score_schema(targets: tuple[str, ...]) -> pa.Schema:
    """Where a page is, and its probability of each target."""
    return pa.schema(
        [
            pa.field(SHARD, pa.int32(), nullable=False),
            pa.field(ROW, pa.int64(), nullable=False),
            pa.field("doc_id", DOC_ID, nullable=False),
            pa.field("domain", pa.string()),
            *(pa.field(f"score_{target}", pa.float64()) for target in targets),
        ]
    )


@dataclass(frozen=True)
class ScorePages:
    """The calibrated probability of every living page for every target."""

    targets: tuple[str, ...]
    models: tuple[Artefact, ...]
    tokenizer: str

    schema: ClassVar[pa.Schema]
    reads_without_targets: ClassVar = (SHARD, ROW, "doc_id", "domain")
    reads: ClassVar = (*reads_without_targets, "text")

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", score_schema(self.targets))

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        models = [load_model(artefact.read()) for artefact in self.models]
        for batch in batches:
            columns = [batch.column(name) for name in self.reads_without_targets]
            if models:
                tokens = load_tokenizer(self.tokenizer).encode_batch(batch.column("text"))
                columns += [pa.array(model.probabilities(tokens)) for model in models]
            yield pa.record_batch(columns, schema=self.schema)
