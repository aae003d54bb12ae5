"""Where the files of a list come from: single ones by their hash from Software Heritage's store,
those of a commit out of its archive.

A repository that codeload does not know is asked for by the name it has today. What cannot be had
is told file by file, with the reason.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pipeline.github.access import GitHub
from pipeline.github.answers import FORBIDDEN, MAX_REDIRECTS, NOT_FOUND, REFUSED, Unavailable
from pipeline.github.api import Api
from pipeline.github.archived import opened, read_files
from pipeline.github.codeload import TOO_LARGE, Codeload, Moved
from pipeline.github.contents import Contents, as_utf8, require_hash
from pipeline.github.crawl import MAX_FAILED_IN_A_ROW, Choice
from pipeline.github.ledger import FAILED
from pipeline.github.wanted import refuses
from stages.errors import StorageError
from stages.github.metadata import WrongField
from stages.github.options import GithubOptions
from stages.github.tables.records import Described, describe

Row = dict[str, Any]
From = Literal["auto", "contents", "archives"]

INCOMPLETE, WRONG_FIELD, WRONG_COMMIT = "incomplete", "wrong_field", "wrong_commit"

_BLOB = re.compile(r"[0-9a-fA-F]{40}")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_REF = re.compile(r"(?!.*\.\.)[0-9A-Za-z_][0-9A-Za-z._/+-]{0,255}")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Problem:
    """A file that is not there, and why."""

    row: Row
    reason: str
    error: str | None = None


@dataclass(frozen=True)
class Listed:
    """A file of the list, its fields checked."""

    row: Row
    said: Described

    @property
    def path(self) -> str:
        assert self.said.path is not None
        return self.said.path


@dataclass(frozen=True)
class Job:
    """What is fetched at once: a blob, or an archive of which some files are wanted; or nothing,
    where problems are all there is."""

    files: Sequence[Listed] = ()
    problems: Sequence[Problem] = ()
    blob: str | None = None


@dataclass(frozen=True)
class Fetched:
    """What came of a job."""

    job: Job
    error: Unavailable | None = None
    content: bytes = b""
    archive: Path | None = None
    repo: str | None = None


class Fetching:
    """Fetches jobs in threads; what comes of them is taken apart one after another."""

    def __init__(self, choice: Choice, source: From, github: GitHub, folder: Path) -> None:
        self._choice = choice
        self._source = source
        self._options = GithubOptions()
        self._api = Api(github)
        self._codeload = Codeload(github)
        self._contents = Contents(github, self._options.max_file_bytes)
        self._today: dict[str, str | None] = {}
        self._n_failed = 0
        self._has_contents = False
        self._folder = folder / ".archives"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def stop(self, why: str) -> None:
        """Ask for nothing more."""
        for one in (self._api, self._codeload, self._contents):
            one.stop(why)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def jobs(self, rows: Sequence[Row]) -> Iterator[Job]:
        """What is to be fetched for the files of one commit."""
        checked = [self._checked(row) for row in rows]
        problems = [one for one in checked if isinstance(one, Problem)]
        listed = [one for one in checked if isinstance(one, Listed)]
        if problems:
            yield Job(problems=problems)
        by_blob = [one for one in listed if self._is_by_blob(one)]
        yield from (Job([one], blob=one.row["blob"].lower()) for one in by_blob)
        archived = [one for one in listed if not self._is_by_blob(one)]
        if archived:
            yield Job(archived)

    def fetch(self, job: Job) -> Fetched:
        """What can be had of it. StorageError where it is not the files' fault."""
        if not job.files:
            return Fetched(job)
        try:
            if job.blob is not None:
                fetched = Fetched(job, content=self._contents.fetch(job.blob))
            else:
                fetched = self._archive(job)
        except Unavailable as error:
            fetched = Fetched(job, error)
        except StorageError as error:
            fetched = Fetched(job, Unavailable(FAILED, str(error)))
        problem = fetched.error
        self._has_contents |= problem is None and job.blob is not None
        # A store that lists nothing forbids what it does not have, but not all that it has.
        is_forbidden = job.blob is not None and not self._has_contents
        if problem is None or problem.reason not in (FAILED, *[FORBIDDEN] * is_forbidden):
            self._n_failed = 0
            return fetched
        self._n_failed += 1
        if self._n_failed >= MAX_FAILED_IN_A_ROW:
            raise StorageError(
                f"{MAX_FAILED_IN_A_ROW} answers in a row brought nothing; the last: {problem.error}"
            )
        return fetched

    def taken_apart(self, fetched: Fetched) -> Iterator[Row | Problem]:
        """Each file of a job, or why it is not there."""
        job = fetched.job
        yield from job.problems
        if fetched.error is not None:
            error = fetched.error
            yield from (Problem(one.row, error.reason, error.error) for one in job.files)
        elif fetched.archive is not None:
            try:
                yield from self._out_of_archive(fetched, fetched.archive)
            finally:
                fetched.archive.unlink(missing_ok=True)
        else:
            for one in job.files:
                content = as_utf8(fetched.content, one.row["encoding"])
                yield _row(one, content, one.said.repo, one.said.revision, None)

    def _checked(self, row: Row) -> Listed | Problem:
        moment = row["created_at"]
        is_number = isinstance(moment, str) and _NUMBER.fullmatch(moment) is not None
        try:
            said = describe({**row, "created_at": float(moment) if is_number else moment})
            _require(row)
        except WrongField as error:
            return Problem(row, WRONG_FIELD, str(error))
        reason, why = self._refused(row, said)
        return Listed(row, said) if reason is None else Problem(row, reason, why)

    def _refused(self, row: Row, said: Described) -> tuple[str | None, str | None]:
        """Why a file is not fetched, as far as the list tells."""
        if said.repo is None or said.path is None:
            return INCOMPLETE, "neither repository nor path may be missing"
        choice = self._choice
        reason = refuses(choice.selection, choice.min_stars, said.repo, said.created_at, said.stars)
        if reason is not None:
            return reason, None
        if (said.size or 0) > self._options.max_file_bytes:
            return TOO_LARGE, f"{said.size:,} bytes"
        has_commit = said.revision is not None and "/" in row["repo"]
        if row["blob"] is None and self._source == "contents":
            return INCOMPLETE, "no blob"
        if not has_commit and (row["blob"] is None or self._source == "archives"):
            return INCOMPLETE, "no commit of OWNER/REPO, and no blob that may be fetched"
        return None, None

    def _is_by_blob(self, one: Listed) -> bool:
        return self._source != "archives" and one.row["blob"] is not None

    def _archive(self, job: Job) -> Fetched:
        """The archive of the commit, of the repository's name then or today."""
        said = job.files[0].said
        assert said.repo is not None
        assert said.revision is not None
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
            place = Path(file.name)
        try:
            return Fetched(job, archive=place, repo=self._put(said.repo, said.revision, place))
        except BaseException:
            place.unlink(missing_ok=True)
            raise

    def _put(self, repo: str, revision: str, place: Path) -> str:
        """Put the archive in its place; what its repository is called today."""
        is_asked = False
        for _ in range(MAX_REDIRECTS):
            try:
                self._codeload.fetch(repo, revision, place)
                return repo
            except Moved as moved:
                today: str | None = moved.repo
            except Unavailable as error:
                if error.reason != NOT_FOUND or is_asked:
                    raise
                today, is_asked = self._name_today(repo), True
                if today is None or today.lower() == repo.lower():
                    raise
            reason = self._choice.selection.refuses(today)
            if reason is not None:
                raise Unavailable(reason, f"today it is {today}")
            repo = today or repo
        raise Unavailable(REFUSED, f"moved {MAX_REDIRECTS} times, at last to {repo}")

    def _name_today(self, repo: str) -> str | None:
        key = repo.lower()
        if key not in self._today:
            try:
                self._today[key] = self._api.facts(repo).repo
            except Unavailable:
                self._today[key] = None
        return self._today[key]

    def _out_of_archive(self, fetched: Fetched, place: Path) -> Iterator[Row | Problem]:
        files: dict[str, list[Listed]] = {
            path: list(group)
            for path, group in groupby(
                sorted(fetched.job.files, key=lambda one: one.path), key=lambda one: one.path
            )
        }
        asked = fetched.job.files[0].said.revision or ""
        with opened(place, self._options) as archive:
            is_other = _COMMIT.fullmatch(asked) and not (archive.commit or asked).startswith(asked)
            if is_other:
                what = f"the archive is of {archive.commit}"
                yield from (Problem(one.row, WRONG_COMMIT, what) for one in fetched.job.files)
                return
            for path, content in read_files(archive, files, self._options):
                for one in files[path]:
                    try:
                        yield self._checked_row(one, content, fetched.repo, archive)
                    except Unavailable as error:
                        yield Problem(one.row, error.reason, error.error)

    @staticmethod
    def _checked_row(
        one: Listed, content: bytes | Unavailable, repo: str | None, archive: Any
    ) -> Row:
        if isinstance(content, Unavailable):
            raise content
        expected = one.row["blob"] or one.row["id"]
        if expected is not None:
            require_hash(content, expected, f"{repo}: {one.path}")
        return _row(one, content, repo, archive.commit or one.said.revision, archive.license)


def _require(row: Row) -> None:
    """`WrongField` for what would become part of an address."""
    for name, pattern, expected in (
        ("blob", _BLOB, "40 hex digits"),
        ("id", _BLOB, "40 hex digits"),
        ("revision", _REF, "a commit or a ref"),
    ):
        value = row[name]
        if value is not None and not pattern.fullmatch(value):
            raise WrongField(name, value, expected)


def _row(
    one: Listed, content: bytes, repo: str | None, revision: str | None, license_: str | None
) -> Row:
    said = one.said
    moved = repo is not None and said.repo is not None and repo.lower() != said.repo.lower()
    return {
        "content": content,
        "path": one.path,
        "repo": repo,
        "revision": revision,
        "created_at": said.created_at,
        "stars": said.stars,
        "license": said.license or license_,
        "is_vendor": said.is_vendor,
        "blob": one.row["blob"] or one.row["id"],
        "asked": said.repo if moved else None,
    }
