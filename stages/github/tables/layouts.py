"""Which dump a table is of, by its columns (`seeds/github_tables.toml`), or as the user says.

What is told apart is only what must be: a copy of a dump may lack what nobody needs, and types
differ between copies. A table that is none of the dumps is told which it resembles most, and what
it lacks of it.
"""

import tomllib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from stages.errors import InputError
from stages.github.options import TableColumns

LAYOUTS = "github_tables.toml"

ROLES = (
    *("text", "path", "repo", "revision", "created_at", "stars", "license"),
    *("is_vendor", "size", "binary", "extension", "id", "blob", "encoding"),
)
"""What a column may be to us."""

_MAX_SHOWN = 20


@dataclass(frozen=True)
class Layout:
    """A kind of table. `known_by` are columns it has, each one of several names."""

    name: str
    known_by: tuple[frozenset[str], ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Role → the names a column of that role may have."""
    joined: bool = False
    """Whether another table says where its files are from."""

    def missing(self, there: Set[str]) -> list[str]:
        """The columns it would need beside those that are there."""
        return [" or ".join(sorted(names)) for names in self.known_by if not names & there]


@dataclass(frozen=True)
class Columns:
    """What a table's columns are: role → name."""

    layout: str
    names: Mapping[str, str]
    joined: bool = False


@cache
def layouts() -> tuple[tuple[Layout, ...], tuple[Layout, ...]]:
    """The kinds that are read, and those without contents."""
    data = tomllib.loads((files("seeds") / LAYOUTS).read_text("utf-8"))
    read, without = (
        tuple(map(_layout, data[section])) for section in ("layout", "without_contents")
    )
    return read, without


def _layout(row: Mapping[str, object]) -> Layout:
    known_by = row["known_by"]
    assert isinstance(known_by, list)
    return Layout(
        str(row["name"]),
        tuple(frozenset(str(names).split("|")) for names in known_by),
        {role: tuple(names) for role in ROLES if isinstance(names := row.get(role), list)},
        bool(row.get("joined", False)),
    )


def recognise(there: Sequence[str], given: TableColumns | None) -> Columns:
    """What the columns of a table are to us. InputError says what it lacks."""
    known = frozenset(there)
    if given is not None:
        return _as_given(known, given)
    read, without = layouts()
    for layout in read:
        if not layout.missing(known):
            return Columns(layout.name, _present(layout.columns, known), layout.joined)
    for layout in without:
        if not layout.missing(known):
            raise InputError(
                f"this is {layout.name}: it names files and does not hold them; get their contents "
                "with `sluice crawl github --files`, or say with `github.columns` which column does"
            )
    if not known:
        raise InputError("it has no columns")
    nearest = min(read, key=lambda layout: len(layout.missing(known)) / len(layout.known_by))
    lacks = ", ".join(nearest.missing(known))
    resembles = (
        f"the nearest is {nearest.name}, of which it lacks {lacks}"
        if len(nearest.missing(known)) < len(nearest.known_by)
        else "it resembles none"
    )
    raise InputError(
        f"its columns are of no dump that is known ({resembles}); say what they are with "
        f'`github.columns = {{ text = "…", path = "…", repo = "…" }}`. It has {_listed(there)}'
    )


def recognise_list(there: Sequence[str]) -> Columns:
    """What the columns of a table are that names files and does not hold them. InputError says what
    it lacks."""
    known = frozenset(there)
    _, lists = layouts()
    for layout in lists:
        if not layout.missing(known):
            return Columns(layout.name, _present(layout.columns, known))
    nearest = min(lists, key=lambda layout: len(layout.missing(known)) / len(layout.known_by))
    raise InputError(
        f"its columns are of no list of files that is known; the nearest is {nearest.name}, of "
        f"which it lacks {', '.join(nearest.missing(known))}. It has {_listed(there)}"
    )


def _as_given(known: Set[str], given: TableColumns) -> Columns:
    names = {role: name for role, name in given if name is not None}
    for role, name in names.items():
        if name not in known:
            raise InputError(
                f"`github.columns.{role}` = {name!r} is no column of it; it has "
                f"{_listed(sorted(known))}"
            )
    return Columns("github.columns", names)


def _present(columns: Mapping[str, tuple[str, ...]], known: Set[str]) -> dict[str, str]:
    found = {
        role: next((name for name in names if name in known), None)
        for role, names in columns.items()
    }
    return {role: name for role, name in found.items() if name is not None}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
    return (", ".join(names[:_MAX_SHOWN]) or "none") + more
