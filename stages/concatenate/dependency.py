"""The order of a repository's files in which what is imported comes first.

Algorithm 1 of DeepSeek-Coder (arXiv 2401.14196, section 2.2): files are nodes, an import is an edge
from the imported file to the importing one, and each connected component is written by always
taking a file with the fewest unwritten dependencies, which is none unless there is a cycle. Ties
are broken by the caller's order, and components follow one another by their first file in it, so
the order is the same on every machine.

O((files + imports) log files) time. Of a path every end of up to eight parts is indexed: about 1 kB
a file while its repository is ordered.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from posixpath import dirname, splitext

from stages.concatenate.imports import Imports, Reference

MAX_LEVELS = 8
"""Folders of a path that are looked at, from the file up."""
MAX_MEANT = 64
"""A folder or namespace of more files says nothing about an order."""

AMBIGUOUS = -1


def dependency_order(paths: Sequence[str], imports: Sequence[Imports]) -> list[int]:
    """The places 0…n-1 of the files in order of dependency; files are given in the order that
    breaks ties."""
    needs = _Repository(paths, imports).needs()
    needed_by: list[list[int]] = [[] for _ in paths]
    for file, needed in enumerate(needs):
        for other in needed:
            needed_by[other].append(file)
    component = _components(needs)
    left = [len(needed) for needed in needs]
    # Components are numbered by their first file, so that one heap writes them one after another.
    heap = [(component[file], left[file], file) for file in range(len(paths))]
    heapq.heapify(heap)
    written = [False] * len(paths)
    order = []
    while heap:
        _, unwritten, file = heapq.heappop(heap)
        if written[file] or unwritten != left[file]:
            continue
        written[file] = True
        order.append(file)
        for other in needed_by[file]:
            left[other] -= 1
            if not written[other]:
                heapq.heappush(heap, (component[other], left[other], other))
    return order


class _Repository:
    """The files of a repository by path, by the ends of paths and folders, and by namespace."""

    def __init__(self, paths: Sequence[str], imports: Sequence[Imports]) -> None:
        self._paths = paths
        self._imports = imports
        self._by_path = {path: file for file, path in reversed(list(enumerate(paths)))}
        self._by_folder: dict[str, list[int]] = defaultdict(list)
        self._by_namespace: dict[str, list[int]] = defaultdict(list)
        self._by_tail: dict[str, int] = {}
        self._by_folder_tail: dict[str, str] = {}
        for file, path in enumerate(paths):
            self._by_folder[dirname(path)].append(file)
            for tail in _tails(path):
                self._by_tail[tail] = AMBIGUOUS if tail in self._by_tail else file
            for name in imports[file].declares:
                self._by_namespace[name].append(file)
        for folder in self._by_folder:
            for tail in _tails(folder):
                self._by_folder_tail[tail] = "" if tail in self._by_folder_tail else folder

    def needs(self) -> list[list[int]]:
        """Of every file, the files that it imports, itself left out, each once."""
        return [
            sorted(
                {other for reference in found.references for other in self._meant(file, reference)}
                - {file}
            )
            for file, found in enumerate(self._imports)
        ]

    def _meant(self, file: int, reference: Reference) -> Sequence[int]:
        for path in reference.paths:
            if path in self._by_path:
                return [self._by_path[path]]
        above = [*_above(self._paths[file])] if reference.tails or reference.folders else []
        for tail in reference.tails:
            found = next(
                (self._by_path[base + tail] for base in above if base + tail in self._by_path),
                self._by_tail.get(tail, AMBIGUOUS),
            )
            if found != AMBIGUOUS:
                return [found]
        suffix = splitext(self._paths[file])[1]
        for tail in reference.folders:
            folder = next(
                (base + tail for base in above if base + tail in self._by_folder),
                self._by_folder_tail.get(tail, ""),
            )
            if folder:
                return self._few(self._by_folder[folder], suffix)
        for name in reference.namespaces:
            if name in self._by_namespace:
                return self._few(self._by_namespace[name], suffix)
        return []

    def _few(self, files: Sequence[int], suffix: str) -> Sequence[int]:
        if len(files) > MAX_MEANT:
            return []
        tests = "_test.go"  # a package's tests are no part of what importing it means
        return [
            file
            for file in files
            if self._paths[file].endswith(suffix) and not self._paths[file].endswith(tests)
        ]


def _tails(path: str) -> Iterator[str]:
    """The ends of a path, `c`, `b/c`, `a/b/c`, up to MAX_LEVELS parts."""
    end = len(path)
    for _ in range(MAX_LEVELS):
        cut = path.rfind("/", 0, end)
        if path:
            yield path[cut + 1 :]
        if cut < 0:
            return
        end = cut


def _above(path: str) -> Iterator[str]:
    """The folders above a path with their slash, the nearest first and the root (`""`) last."""
    end = len(path)
    for _ in range(MAX_LEVELS):
        end = path.rfind("/", 0, end)
        if end < 0:
            break
        yield path[: end + 1]
    yield ""


def _components(needs: Sequence[Sequence[int]]) -> list[int]:
    """The first file of every file's connected component (union by the smaller, halved paths)."""
    parent = list(range(len(needs)))

    def root(file: int) -> int:
        while parent[file] != file:
            parent[file] = parent[parent[file]]
            file = parent[file]
        return file

    for file, needed in enumerate(needs):
        for other in needed:
            first, second = sorted((root(file), root(other)))
            parent[second] = first
    return [root(file) for file in range(len(needs))]
