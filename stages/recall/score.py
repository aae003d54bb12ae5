"""What a trained model says of each page by itself, before its directory speaks."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from schemas.columns import DOC_ID
from stages.contract import ROW, SHARD, Artefact, Batches
from stages.kernels.bpe import load_tokenizer
from stages.recall.evidence import MARKUP
from stages.recall.examples import markup_of
from stages.recall.model import load_model

PAGE = (
    pa.field(SHARD, pa.int32(), nullable=False),
    pa.field(ROW, pa.int64(), nullable=False),
    pa.field("doc_id", DOC_ID, nullable=False),
    pa.field("domain", pa.string()),
    pa.field("url", pa.string()),
)
"""Where a page is."""


def score_schema(targets: tuple[str, ...]) -> pa.Schema:
    """A page's probability of each target, and the first iteration that recalled it (or null)."""
    scores = [pa.field(f"score_{target}", pa.float64()) for target in targets]
    return pa.schema([*PAGE, *scores, pa.field("iteration", pa.int32())])


def logit_schema(targets: tuple[str, ...]) -> pa.Schema:
    """A page's own log-odds of each target."""
    return pa.schema([*PAGE, *(pa.field(f"logit_{target}", pa.float64()) for target in targets)])


@dataclass(frozen=True)
class ScorePages:
    """The log-odds of every living page for every target."""

    targets: tuple[str, ...]
    models: tuple[Artefact, ...]
    tokenizer: str

    schema: ClassVar[pa.Schema]
    reads_without_targets: ClassVar = tuple(field.name for field in PAGE)
    reads: ClassVar = (*reads_without_targets, *MARKUP, "text")

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", logit_schema(self.targets))

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        models = [load_model(artefact.read()) for artefact in self.models]
        for batch in batches:
            columns = [batch.column(name) for name in self.reads_without_targets]
            if models:
                tokens = load_tokenizer(self.tokenizer).encode_batch(batch.column("text"))
                markup = markup_of(batch)
                columns += [pa.array(model.page_logits(tokens, markup)) for model in models]
            yield pa.record_batch(columns, schema=self.schema)
