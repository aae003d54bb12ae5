"""The options of dedup."""

from typing import Literal

from pydantic import Field

from stages.contract import Options


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
