"""Which repositories are wanted: listed by name, and not refused by what is known of them.

Names are compared without regard to case, each is asked for once. Memory: 300 bytes a repository.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from stages.errors import ConfigError
from stages.github.metadata import is_repo
from stages.github.selection import Selection, listed_names

FEW_STARS = "few_stars"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repository, and what is known of it before it is asked for."""

    repo: str
    id: int | None = None
    created_at: datetime | None = None
    stars: int | None = None


def listed(paths: Sequence[str]) -> list[Wanted]:
    """The repositories of lists: OWNER/REPO or an address a line, `#` before a remark."""
    found: dict[str, Wanted] = {}
    for path in paths:
        for number, name in listed_names(path, "--repos"):
            if not is_repo(name):
                raise ConfigError(f"--repos {path!r}, line {number}: {name!r} is no OWNER/REPO")
            found.setdefault(name.lower(), Wanted(name))
    return list(found.values())


def select(
    wanted: Iterable[Wanted], selection: Selection, min_stars: int
) -> tuple[list[Wanted], Counter[str]]:
    """Who is to be asked for, as far as that can be told without asking, and how many are left out
    for each reason."""
    kept, refused = [], Counter[str]()
    for one in wanted:
        reason = refuses(selection, min_stars, one.repo, one.created_at, one.stars)
        if reason is None:
            kept.append(one)
        else:
            refused[reason] += 1
    return kept, refused


def refuses(
    selection: Selection,
    min_stars: int,
    repo: str,
    created_at: datetime | None,
    stars: int | None,
) -> str | None:
    """Why a repository of which this is known is not wanted; what is not known speaks for it."""
    reason = selection.refuses(repo) or selection.refuses_creation(created_at)
    if reason is None and stars is not None and stars < min_stars:
        return FEW_STARS
    return reason
