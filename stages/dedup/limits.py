"""How much a task of dedup holds.

None of these changes what is kept: the same documents are dropped for the same kept ones, however
the work is cut, except that `few` decides which compared pairs are written down, and
`task_shingles` which components take rounds (`stages.dedup.huge`).
"""

from dataclasses import dataclass

MAX_RUNS = 31
"""Earlier runs that one can be compared with: a document's number has five bits for them."""


@dataclass(frozen=True)
class Limits:
    """At most a gigabyte a task; the modules of the steps say how much of it."""

    repository_bytes: int = 1 << 27
    """Text among which the files of repositories are put together, unless one is larger."""

    text_rows: int = 1 << 18
    """Documents among which equal texts are sought: 100 MB."""

    band_rows: int = 1 << 21
    """Rows of bands among which equal ones are sought: 150 MB."""

    link_documents: int = 1 << 19
    """Documents to a partition of links; if every one were linked by each of its bands, 1.3 GB."""

    component_documents: int = 1 << 20
    """Documents to a partition of components: 100 MB."""

    few: int = 32
    """Members of a component of which every pair is compared."""

    cell_shingles: int = 1 << 23
    """Shingles to a task that compares, unless one component has more."""

    task_shingles: int = 1 << 25
    """Shingles of a component that one task compares: 8 bytes each, held twice for a moment."""

    pair_documents: int = 1 << 17
    """Compared documents whose pairs a task judges: at most 2 million pairs, 300 MB."""

    drop_rows: int = 1 << 21
    """Dropped documents among which a survivor's fate is sought: 120 MB."""

    file_rows: int = 1 << 19
    """Files that are told the fate of their repositories: 0.4 GB."""
