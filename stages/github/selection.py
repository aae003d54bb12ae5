"""Which repositories are wanted: by owner, name, creation, licence, and who opted out.

The same for every source. A reader asks as soon as it knows whose files it holds, so that what is
not wanted is not read; once more when the licence, too, is known. Names are compared as GitHub
does, without regard to case; patterns are globs.

A licence is an SPDX expression: it is included if one of its alternatives (`OR`) names included
licences alone, and excluded if each of its alternatives names an excluded one.
"""

import datetime
import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import cached_property
from pathlib import Path

import xxhash

from stages.errors import ConfigError
from stages.github.options import GithubOptions
from stages.regular_files import read_regular

OPT_OUT = "opt_out"
OWNER, REPOSITORY = "owner", "repository"
CREATED_LATE, CREATED_UNKNOWN = "created_late", "created_unknown"
LICENSE = "license"
CHOICES = frozenset({OPT_OUT, OWNER, REPOSITORY, CREATED_LATE, CREATED_UNKNOWN, LICENSE})
"""Why a repository is skipped."""

UNKNOWN_LICENSE = "unknown"
_SETTING = "github.opt_out"

_ADDRESS = re.compile(r"(?:(?:https?|git|ssh)://)?(?:[^/@]+@)?(?:www\.)?github\.com[:/]", re.I)
_NAME = re.compile(r"[A-Za-z0-9_.~+-]+(?:/[A-Za-z0-9_.~+-]+)?")
_OPERATORS = re.compile(r"\s+(?:AND|WITH)\s+|[()\s]+", re.I)
_OR = re.compile(r"\s+OR\s+", re.I)


class Selection:
    """What the options say of which repositories are wanted."""

    def __init__(self, options: GithubOptions) -> None:
        self._options = options
        self._owners = _Lists(options.include_owners, options.exclude_owners)
        self._repositories = _Lists(options.include_repositories, options.exclude_repositories)
        self._include_licenses = _any_of(options.include_licenses)
        self._exclude_licenses = _any_of(options.exclude_licenses)
        day = options.created_before
        self._limit = day and datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC)

    def resources(self) -> dict[str, str]:
        """The opt-out lists by their names and their content, wherever they lie."""
        found: dict[str, str] = {}
        for path in self._options.opt_out:
            name = Path(path).name
            found[name] = found.get(name, "") + xxhash.xxh3_128_hexdigest(_read(path))
        return found

    def refuses(self, repo: str | None) -> str | None:
        """Why a repository of this name is not wanted; null if it is, as far as a name tells."""
        if repo is None:
            return None
        name = repo.lower()
        owner = name.partition("/")[0]
        if name in self._opted_out or owner in self._opted_out:
            return OPT_OUT
        if not self._owners.want(owner):
            return OWNER
        return None if self._repositories.want(name) else REPOSITORY

    def refuses_creation(self, created_at: datetime.datetime | None) -> str | None:
        """Why a repository of this age is not wanted."""
        if self._limit is None:
            return None
        if created_at is None:
            return CREATED_UNKNOWN if self._options.unknown == "drop" else None
        return None if created_at < self._limit else CREATED_LATE

    def refuses_license(self, license_: str | None) -> str | None:
        """Why a repository or file of this licence is not wanted."""
        include, exclude = self._include_licenses, self._exclude_licenses
        if include is None and exclude is None:
            return None
        alternatives = [
            [name for name in _OPERATORS.split(part) if name]
            for part in _OR.split((license_ or UNKNOWN_LICENSE).lower())
        ]
        if include is not None and not any(
            all(include.fullmatch(name) for name in names) for names in alternatives
        ):
            return LICENSE
        if exclude is not None and all(
            any(exclude.fullmatch(name) for name in names) for names in alternatives
        ):
            return LICENSE
        return None

    @cached_property
    def _opted_out(self) -> frozenset[str]:
        return frozenset(
            name.lower()
            for path in self._options.opt_out
            for _, name in listed_names(path, _SETTING)
        )


class _Lists:
    """Names to keep and names to leave out."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _any_of(include)
        self._exclude = _any_of(exclude)

    def want(self, name: str) -> bool:
        """Whether a name, in lower case, is kept."""
        if self._exclude is not None and self._exclude.fullmatch(name):
            return False
        return self._include is None or self._include.fullmatch(name) is not None


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(translate(one.lower()) for one in patterns)) if patterns else None


def listed_names(path: str, setting: str) -> Iterator[tuple[int, str]]:
    """Line and name of the owners and repositories of a list. ConfigError, naming the setting, for
    a line that is none."""
    for number, line in enumerate(_read(path, setting).decode("utf-8", "replace").splitlines(), 1):
        given = line.partition("#")[0].strip().removeprefix("\ufeff")
        name = _ADDRESS.sub("", given, count=1).strip("/").removesuffix(".git")
        if not given:
            continue
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{setting} = {path!r}, line {number}: {given[:100]!r} is no owner and no "
                "OWNER/REPO"
            )
        yield number, name


def _read(path: str, setting: str = _SETTING) -> bytes:
    try:
        return read_regular(path)
    except OSError as error:
        raise ConfigError(
            f"{setting} = {path!r} cannot be read: {error.strerror or error}"
        ) from error
