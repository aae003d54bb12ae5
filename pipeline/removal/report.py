"""What a removal did, for who asked for it."""

from dataclasses import dataclass, field

from pipeline.removal.absence import Absence


@dataclass(frozen=True)
class Entry:
    """A value that was given, and the documents of the run that it names."""

    key: str
    value: str
    n_documents: int


@dataclass
class Removed:
    """What a removal did."""

    entries: list[Entry] = field(default_factory=list)
    n_documents: int = 0
    """Documents of the run that the whole list names, earlier removals included."""
    n_repeats: int = 0
    """Of these, dropped duplicates that were added because they repeat the others."""
    n_files: int = 0
    """Shard files that were written anew."""
    waits: str | None = None
    """Why the shards were left as they are, and what takes the documents out of them."""
    lacks: str | None = None
    """What the product cannot state any more."""
    n_kept_twins: int = 0
    """Documents of another origin that repeat removed ones, were preferred to them, and stay."""
    n_purged_files: int = 0
    """Files of the run that held something of removed documents and were written anew."""
    absence: Absence | None = None
    """Of a purge: what was searched in the end, and found."""
