"""Options of emit and of `sluice apply tokenize`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, field_validator

from schemas.tokens import TOKENS
from stages.contract import NamesFiles, Options
from stages.emit.mixture import PRESETS, check_weights

OPTIONAL_COLUMNS: dict[str, tuple[str, ...]] = {
    "github": (
        "language",
        "other",
        "recalled",
        "spans",
        "sample_id",
        "position",
        TOKENS,
    ),
    "web": ("recalled", "target", "spans", "cluster", TOKENS),
}
"""What emit uses of earlier stages, per corpus, if those stages are in the chain."""


class EmitOptions(Options):
    """Options of the stage that writes the training shards."""

    tokenizer: Annotated[str, NamesFiles()] = Field(
        "deepseek-v2", description="deepseek-v2, or the path of a tokenizer.json"
    )
    seed: int = Field(0, ge=0, description="draws the order of the samples and the held-out split")
    shard_bytes: int = Field(
        256 << 20, gt=0, description="bytes of tokens a file should reach at most"
    )
    heldout_rate: float = Field(0.01, ge=0, lt=1, description="share of samples held out")
    path_comments: bool = Field(
        True, description="begin every file with a comment that names its path"
    )
    text: bool = Field(
        False, description="write a column `text` beside the tokens: shards of twice the size"
    )
    mixture: str | dict[str, float] | None = Field(
        None,
        description="weights of the shard sets, or groups of them, for training: "
        '`deepseek-coder-v2` or a table (`"code+text" = 60`); stated in manifest and card and '
        "written by `sluice export --mixture`, changes no shard",
    )
    max_epochs: float = Field(
        1.0,
        ge=1,
        allow_inf_nan=False,
        description="how often the mixture may see the set that is scarcest for its weight; "
        "1: nothing is repeated",
    )
    columns: tuple[str, ...] = Field(
        (), description="columns of earlier stages that are there; set by the pipeline"
    )
    targets: tuple[str, ...] = Field(
        (), description="what the web's recall looks for; set by the pipeline"
    )

    @field_validator("mixture", mode="before")
    @classmethod
    def _expect_weights(cls, mixture: Any) -> Any:
        table = isinstance(mixture, Mapping) and all(map(_is_number, mixture.values()))
        if mixture is not None and not isinstance(mixture, str) and not table:
            raise ValueError(f"expected {', '.join(PRESETS)}, or a table of weights")
        if mixture is not None:
            check_weights(mixture)
        return mixture


class TokenizeOptions(Options):
    """Options of the map stage that tokenises one text a row."""

    tokenizer: Annotated[str, NamesFiles()] = Field(
        "deepseek-v2", description="deepseek-v2, or the path of a tokenizer.json"
    )
    begin_token: str | None = Field(None, description="token to put before every text")
    end_token: str | None = Field(None, description="token to put after every text")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
