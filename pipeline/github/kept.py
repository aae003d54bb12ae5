"""What a part of `files/` has already, where some of its files failed for want of a connection.

Those alone are fetched again. All else is written anew as it is, in the order of the plan, so that
the part has the bytes that it would have if nothing had failed. A job fails as a whole, so rows
and problems are taken job by job. Memory: one row group of the part, and its problems.
"""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.github.fetching import Job, Listed, Problem, Row
from pipeline.github.ledger import FAILED
from stages.errors import StorageError

NAMED_BY = ("repo", "revision", "path", "blob")
"""What a problem says of its file, as the plan does."""

_Key = tuple[object, ...]


class Kept:
    """The rows and problems of a part, taken in the order of its jobs."""

    def __init__(self, table: Path, told: Path) -> None:
        self._table = table
        self._problems: defaultdict[_Key, deque[tuple[int, Problem]]] = defaultdict(deque)
        self._failed: set[_Key] = set()
        with told.open("rb") as stream:
            for number, line in enumerate(stream):
                said = json.loads(line)
                key = _key(said)
                if said["reason"] == FAILED:
                    self._failed.add(key)
                    continue
                row = {name: said.get(name) for name in NAMED_BY}
                problem = Problem(row, said["reason"], said.get("error"))
                self._problems[key].append((number, problem))
        self._told_again = Counter[_Key]()
        self._part = pq.ParquetFile(table)
        self._rows = self._every_row()
        self._next = next(self._rows, None)

    def close(self) -> None:
        self._part.close()

    def lacks(self, job: Job) -> bool:
        """Whether a job is to be fetched: one of its files failed."""
        return any(_key(one.row) in self._failed for one in job.files)

    def take(self, job: Job) -> Iterator[Row | Problem]:
        """What came of a job. Of one that is to be fetched, too, in case a part was written and its
        problems were not: to be dropped."""
        yield from job.problems
        for one in job.problems:
            if self._problem_of(one.row) is None:
                self._told_again[_loosely(one)] += 1
        told = [found for one in job.files if (found := self._problem_of(one.row)) is not None]
        yield from (problem for _, problem in sorted(told, key=lambda each: each[0]))
        wanted = Counter(map(_name, job.files))
        while self._next is not None and wanted[_name_of(self._next)] > 0:
            wanted[_name_of(self._next)] -= 1
            yield self._next
            self._next = next(self._rows, None)

    def rest(self) -> Iterator[Problem]:
        """Problems of files that were here and were taken out since, unless the list alone tells
        so: of who opted out by the name it has today. StorageError if there is a row that no job
        asked for."""
        if self._next is not None:
            raise StorageError(
                f"{self._table} has {self._next['path']!r}, which is not where the plan has it; "
                "remove the file: its part is fetched again"
            )
        left = [each for problems in self._problems.values() for each in problems]
        for _, problem in sorted(left, key=lambda each: each[0]):
            if self._told_again[_loosely(problem)] > 0:
                self._told_again[_loosely(problem)] -= 1
            else:
                yield problem

    def _problem_of(self, row: Row) -> tuple[int, Problem] | None:
        problems = self._problems.get(_key(row))
        return problems.popleft() if problems else None

    def _every_row(self) -> Iterator[Row]:
        for number in range(self._part.num_row_groups):
            yield from self._part.read_row_group(number).to_pylist()


def _key(row: Row) -> _Key:
    return tuple(row.get(name) for name in NAMED_BY)


def _loosely(problem: Problem) -> _Key:
    """By what a row of the table says as the plan does, too."""
    repo, path = problem.row.get("repo") or "", problem.row.get("path") or ""
    return repo.lower(), path.strip("/"), problem.reason


def _name(one: Listed) -> _Key:
    return one.said.repo, one.path


def _name_of(row: Row) -> _Key:
    return row["asked"] or row["repo"], row["path"]
