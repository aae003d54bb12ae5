"""What a trained model says of each page by itself, before its directory speaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import DOC_ID
from schemas.tokens import TOKENS
from stages.contract import ROW, SHARD, Artefact, Batches
from stages.kernels.elementary import Float64
from stages.recall.classifier.evidence import CLIP, Markup, on_steps
from stages.recall.classifier.examples import markup_of
from stages.recall.classifier.model import TrainedModel, load_model
from stages.recall.classifier.tokens import token_lists
from stages.recall.places import WEB, Places

PAGE = (
    pa.field(SHARD, pa.int32(), nullable=False),
    pa.field(ROW, pa.int64(), nullable=False),
    pa.field("doc_id", DOC_ID, nullable=False),
    pa.field("domain", pa.string()),
    pa.field("url", pa.string()),
    pa.field("n_tokens", pa.int32()),
)
"""Where a page is, and how long; without targets its tokens are not counted."""


def score_schema(targets: tuple[str, ...]) -> pa.Schema:
    """A page's probability of each target, and the first iteration that recalled it (or null)."""
    scores = [pa.field(f"score_{target}", pa.float64()) for target in targets]
    return pa.schema([*PAGE, *scores, pa.field("iteration", pa.int32())])


def logit_schema(targets: tuple[str, ...]) -> pa.Schema:
    """A page's own calibrated log-odds of each target."""
    return pa.schema([*PAGE, *(pa.field(f"logit_{target}", pa.float64()) for target in targets)])


@dataclass(frozen=True)
class ScorePages:
    """The log-odds of every living page for every target: the mean over the models of all
    iterations where whole pages are judged, so that no single round of seeds can carry it away.
    Each is calibrated and clipped before: a model that is surer of its seeds weighs no more."""

    targets: tuple[str, ...]
    models: tuple[tuple[Artefact, ...], ...]
    """Each target's, oldest first; all of the same tokens."""
    places: Places = WEB
    stored: bool = False
    """Whether the tokens are read from the corpus's table of them, and no text is split."""

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", logit_schema(self.targets))

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the documents it asks for; without targets nothing that
        is scored."""
        scored = (TOKENS if self.stored else "text",) if self.targets else ()
        return (SHARD, ROW, "doc_id", *self.places.columns, *scored)

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        models = [[load_model(one.read()) for one in of_target] for of_target in self.models]
        for batch in map(self.places.pages, batches):
            columns = [batch.column(field.name) for field in PAGE[:-1]]
            if not models:
                columns.append(pa.nulls(len(batch), pa.int32()))
            else:
                tokens = token_lists(batch, models[0][-1].tokens, stored=self.stored)
                markup = markup_of(batch)
                columns.append(pc.list_value_length(tokens).cast(pa.int32()))
                columns += [
                    pa.array(mean_log_odds(of_target, tokens, markup)) for of_target in models
                ]
            yield pa.record_batch(columns, schema=self.schema)


def mean_log_odds(models: Sequence[TrainedModel], tokens: pa.Array, markup: Markup) -> Float64:
    """The models' mean log-odds of pages; the last one's where texts alone are judged."""
    if models[-1].page is None:
        return models[-1].log_odds(tokens, markup)
    log_odds = [np.clip(model.log_odds(tokens, markup), -CLIP, CLIP) for model in models]
    return on_steps(np.mean(log_odds, axis=0))
