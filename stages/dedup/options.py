"""The options of dedup."""

from typing import Literal, Self

from pydantic import Field, model_validator

from stages.contract import Options
from stages.dedup.limits import MAX_RUNS


class DedupOptions(Options):
    """What counts as a duplicate. `ngram` and `cjk` enter the measures; the rest decides alone."""

    unit: Literal["file", "repository"] = Field(
        "file",
        description="what is compared and dropped; repository: all files that earlier stages kept, "
        "as one text, so that a repository stays or goes as a whole (github only)",
    )
    threshold: float = Field(
        0.85,
        ge=0.1,
        le=1.0,
        description="Jaccard similarity from which two documents are near-duplicates",
    )
    ngram: int = Field(5, ge=1, le=64, description="tokens in a shingle")
    cjk: bool = Field(False, description="every CJK character is a token of its own")
    url: bool = Field(
        True,
        description="compare all captures of one URL; `url` is why the older is dropped (web only)",
    )
    exact: bool = Field(True, description="drop documents whose text occurred before")
    near: bool = Field(True, description="drop documents similar to a kept one")
    against: tuple[str, ...] = Field(
        (),
        max_length=MAX_RUNS,
        description="earlier runs (folders or URLs, the preferred first) whose kept documents this "
        "one's are compared with: these stay, and what repeats one of them is dropped "
        "(`duplicate_run` says whose it is)",
    )

    @model_validator(mode="after")
    def _compares_files(self) -> Self:
        if self.against and self.unit != "file":
            raise ValueError('`against` compares files: it asks for unit = "file"')
        return self
