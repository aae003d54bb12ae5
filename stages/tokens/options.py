"""Options of the stage that keeps the documents' tokens."""

from typing import Literal

from pydantic import Field

from stages.contract import Options


class TokensOptions(Options):
    """Whether a corpus has a table of tokens beside its documents."""

    store: Literal["auto", "always", "never"] = Field(
        "auto",
        description="keep DeepSeek-V2's tokens of every document that dedup kept, for recall and "
        "emit to read; auto: where recall reads them, which would else split every text once an "
        "iteration; always: also for emit alone; what is written is the same",
    )
