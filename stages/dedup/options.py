"""The options of dedup."""

from pydantic import Field

from stages.contract import Options


class DedupOptions(Options):
    """What counts as a duplicate. `ngram` and `cjk` enter the measures; the rest decides alone."""

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
