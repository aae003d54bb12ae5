"""What a person did in this session, so that it can be told and taken back."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.annotate.annotations_file import Entry
from pipeline.annotate.pattern_table import Pattern
from stages.recall.sites.annotations import Key, RestKey


@dataclass(frozen=True)
class Edit:
    """What the file said about one key, and says."""

    before: Entry | None
    after: Entry | None


@dataclass(frozen=True)
class Change:
    """One decision: about a pattern, about all that a filter chose, or about the rest."""

    target: str
    verb: str
    what: str
    edits: Mapping[Key | RestKey, Edit]
    pattern: Pattern | None = None
    """What it was about, if that was one pattern."""
    n_patterns: int = 0
    """Patterns whose answer it changed."""
    n_pages: int = 0
    """Pages under those, each counted once."""


@dataclass(frozen=True)
class Progress:
    """How many patterns a decision covers, and how many of their pages."""

    n_decided: int
    n_patterns: int
    n_covered: int = 0
    """Pages under a decided pattern, each counted once."""
    n_pages: int = 0
    """Pages under any pattern, each counted once."""
    left_to_rule: bool = False
    """Whether the rule decides what the person did not."""

    @property
    def n_open(self) -> int:
        """Patterns that wait: without a decision of their own, of a parent, or of the rule."""
        return 0 if self.left_to_rule else self.n_patterns - self.n_decided

    @property
    def covered(self) -> float:
        """Share of the pages."""
        return self.n_covered / self.n_pages if self.n_pages else 1.0
