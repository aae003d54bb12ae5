"""The settings of an ablation, for `--set KEY=VALUE`."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.configuration.overrides import apply_overrides
from pipeline.configuration.validation import validate
from stages.contract import Options

Unit = Literal["document", "repository"]


class AblationOptions(Options):
    """What is compared, on what, by which models."""

    seed: int = Field(0, ge=0, description="draws the held-out documents and the text samples")
    seeds: tuple[int, ...] = Field(
        (0, 1, 2), min_length=1, description="training seeds: a model of each variant for each"
    )
    heldout_bytes: int = Field(
        400_000, gt=0, description="text to hold out, in equal parts of every source"
    )
    heldout_document_bytes: int = Field(4096, gt=0, description="no longer document is held out")
    heldout_rate: float = Field(
        0.1, gt=0, le=0.5, description="largest share of the documents that may be held out"
    )
    heldout_unit: Unit = Field(
        "document",
        description="what is drawn to be held out: documents, or whole repositories and domains, "
        "of which then nothing is trained on",
    )
    sets: tuple[str, ...] = Field(
        (),
        max_length=2,
        description="compare these two shard sets of the whole chain, such as "
        '`["code", "code-quality"]`, instead of `rules` and `full`',
    )
    against: str | None = Field(
        None,
        description="compare what the whole chain makes of this run and of that one, another run "
        "of the same inputs; the documents held out are this one's",
    )
    concatenate: bool = Field(
        False,
        description="join files per repository in `full`, as the product does; false: a document "
        "a row in both variants",
    )
    row_tokens: int = Field(
        512,
        ge=0,
        description="longer training documents are cut into rows of so many tokens, so that few "
        "steps see many documents; 0: never",
    )
    code_share: float = Field(
        0.5, ge=0, le=1, description="share of training tokens from GitHub, the rest from the web"
    )
    tokenizer: str | None = Field(
        None,
        description="of both variants: a name, or the path of a tokenizer.json; default: one of "
        "8,192 entries, trained on a sample of both",
    )
    tokenizer_bytes: int = Field(
        4_000_000, gt=0, description="text that a tokenizer of our own is trained on"
    )
    preset: str = Field("tiny", description="shape of the models: mini, tiny, 100m, 300m or 1b")
    steps: int = Field(200, gt=0, description="optimizer steps of each model")
    batch: int = Field(4, gt=0, description="sequences in a step")
    sequence_length: int | None = Field(
        None, gt=0, description="tokens in a sequence; default: the preset's"
    )
    fim_rate: float = Field(
        0.5, ge=0, le=1, description="share of documents rearranged to fill in the middle"
    )

    @model_validator(mode="after")
    def _check_sides(self) -> Self:
        if self.sets and len(set(self.sets)) != 2:
            raise ValueError(f"`sets` = {list(self.sets)}: expected two shard sets")
        if self.sets and self.against:
            raise ValueError("`sets` and `against` are two comparisons: ask for one of them")
        return self


def load_options(overrides: Sequence[str]) -> AblationOptions:
    """The options with `--set` overrides; ConfigError names field, value and nearest field."""
    known = list(AblationOptions.model_fields)
    return validate(AblationOptions, apply_overrides({}, overrides), "", known)
