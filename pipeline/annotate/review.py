"""One person's pass over the patterns of a run: what is open, what was decided, and undo.

A decision holds for a pattern and for everything under it that has none of its own; it counts from
the iteration that it answers on. The file is the only state: every decision is on disk before the
next page is shown, and what another editor wrote meanwhile is seen. Undo takes back this session's
decisions, the last one first, each only if it still stands.
"""

import datetime
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.annotate.annotations_file import Document, edit, read
from pipeline.annotate.iteration_tables import Domain, Pattern, RunTables
from stages.errors import InputError
from stages.recall.sites.annotations import Annotation, parse_annotations, read_text
from stages.recall.sites.url_patterns import nearest


@dataclass(frozen=True)
class Node:
    """A pattern in the tree with what was decided about it."""

    pattern: Pattern
    depth: int
    label: str
    decision: Annotation | None
    inherited: bool

    @property
    def state(self) -> str:
        """`accepted`, `rejected` or `open`."""
        if self.decision is None:
            return "open"
        return "accepted" if self.decision.accept else "rejected"


@dataclass(frozen=True)
class Progress:
    """How many patterns a decision covers."""

    n_decided: int
    n_patterns: int

    @property
    def n_open(self) -> int:
        """Patterns without a decision of their own or of a parent."""
        return self.n_patterns - self.n_decided


@dataclass(frozen=True)
class Change:
    """A decision of this session."""

    pattern: Pattern
    before: Annotation | None
    after: Annotation | None

    @property
    def verb(self) -> str:
        """What the person did."""
        if self.after is None:
            return "withdrew"
        return "accepted" if self.after.accept else "rejected"


class Review:
    """The patterns of a run, the decisions in the file, and this session's changes."""

    def __init__(
        self,
        tables: RunTables,
        file: Path,
        author: str,
        *,
        before: Iterable[Path] = (),
        after: Iterable[Path] = (),
        today: Callable[[], datetime.date] = datetime.date.today,
    ) -> None:
        """`before` and `after` are files whose decisions hold as well, but which are not written:
        the file wins over those before it, and those after win over the file."""
        self.tables = tables
        self.file = file
        self.author = author
        self.changes: list[Change] = []
        self._today = today
        self._before = {one.key: one for path in before for one in _read_only(path)}
        self._after = {one.key: (path, one) for path in after for one in _read_only(path)}
        self._trees: dict[str, dict[str, list[Pattern]]] = {}
        self._patterns = {(one.target, one.text): one for one in tables.patterns()}
        for pattern in self._patterns.values():
            self._trees.setdefault(pattern.target, {}).setdefault(pattern.domain, []).append(
                pattern
            )
        self._domains: dict[str, list[Domain]] = {}
        for target, trees in self._trees.items():
            for patterns in trees.values():
                patterns.sort(key=lambda pattern: pattern.path)
            self._domains[target] = self._ranked(target, list(trees))
        self._decided: dict[str, dict[str, Annotation]] = {}
        self._progress: dict[tuple[str, str], int] = {}
        self._mark: tuple[int, int] | None = (-1, -1)
        self.refresh()

    @property
    def targets(self) -> list[str]:
        """Targets with patterns, in order of name."""
        return sorted(self._trees)

    def refresh(self) -> None:
        """See what the file says now; it is read only if it changed."""
        mark = self._file_mark()
        if mark != self._mark:
            self._adopt(read(self.file))
            self._mark = mark

    def domains(self, target: str) -> list[Domain]:
        """The target's domains, most recalled pages first."""
        return self._domains[self._known(target)]

    def progress(self, target: str, domain: str | None = None) -> Progress:
        """Of one domain, or of all."""
        trees = self._trees[self._known(target)]
        names = trees if domain is None else [domain]
        return Progress(
            sum(self._n_decided(target, name) for name in names),
            sum(len(trees[name]) for name in names),
        )

    def tree(self, target: str, domain: str) -> list[Node]:
        """The domain's patterns, parents before children."""
        patterns = self._trees[self._known(target)].get(domain)
        if patterns is None:
            raise InputError(f"no pattern is proposed in {domain} for {target}")
        nodes: list[Node] = []
        above: list[tuple[str, ...]] = []
        for pattern in patterns:
            while above and pattern.path[: len(above[-1])] != above[-1]:
                above.pop()
            rest = pattern.path[len(above[-1]) if above else 0 :]
            label = "/".join(rest) + ("/" if len(pattern.path) > 1 else "")
            found = nearest(pattern.text, self._decided.get(target, {}))
            inherited = found is not None and found[0] != pattern.text
            nodes.append(Node(pattern, len(above), label, found[1] if found else None, inherited))
            above.append(pattern.path)
        return nodes

    def find(self, target: str, text: str) -> Pattern:
        """The pattern as the run proposed it."""
        pattern = self._patterns.get((self._known(target), text))
        if pattern is not None:
            return pattern
        raise InputError(f"the run proposes no pattern {text!r} for {target}")

    def next_open(self, target: str, after: Pattern | None = None) -> Pattern | None:
        """The next pattern without a decision: further down the tree, then in the domains that
        follow, then from the beginning."""
        domains = [domain.name for domain in self.domains(target)]
        start = domains.index(after.domain) if after is not None else 0
        for name in domains[start:] + domains[:start]:
            patterns = self._trees[target][name]
            if self._n_decided(target, name) == len(patterns):
                continue
            is_open = [node.pattern for node in self.tree(target, name) if node.decision is None]
            if after is not None and name == after.domain:
                is_open.sort(key=lambda pattern: pattern.path <= after.path)
            return is_open[0]
        return None

    def decide(self, pattern: Pattern, accept: bool | None) -> None:
        """Accept, reject, or (None) withdraw what was decided about this pattern; saved at once."""
        self.refresh()
        before = self._own(pattern)
        counts = before is not None and self._counts(before)
        if accept == (before.accept if before is not None and counts else None):
            return
        if (pattern.target, pattern.text) in self._after:
            path = self._after[pattern.target, pattern.text][0]
            raise InputError(f"{pattern.text} is decided in {path}, which wins over {self.file}")
        after = None
        if accept is not None:
            # A changed decision still answers the iteration that first asked, or that one would
            # wait for an answer again.
            asked = before.iteration if before is not None and counts else self.tables.iteration
            after = Annotation(
                target=pattern.target,
                pattern=pattern.text,
                accept=accept,
                author=self.author,
                date=self._today(),
                iteration=asked,
            )
        self._write(pattern, after)
        self.changes.append(Change(pattern, before, after))

    def undo(self) -> Change | None:
        """Take back the last change of this session. InputError if it no longer stands."""
        self.refresh()
        if not self.changes:
            return None
        change = self.changes[-1]
        if self._own(change.pattern) != change.after:
            self.changes.pop()
            raise InputError(
                f"{change.pattern.text}: {self.file} was changed meanwhile; nothing was undone"
            )
        self._write(change.pattern, change.before)
        return self.changes.pop()

    def _write(self, pattern: Pattern, annotation: Annotation | None) -> None:
        key = (pattern.target, pattern.text)
        self._adopt(edit(self.file, lambda document: document.put(key, annotation)))
        self._mark = self._file_mark()

    def _own(self, pattern: Pattern) -> Annotation | None:
        """What the file, not a parent or another file, says of the pattern."""
        return self._written.get((pattern.target, pattern.text))

    def _adopt(self, document: Document) -> None:
        self._written = document.decisions()
        self._decided = {}
        after = {key: annotation for key, (_, annotation) in self._after.items()}
        for (target, text), annotation in {**self._before, **self._written, **after}.items():
            if self._counts(annotation):
                self._decided.setdefault(target, {})[text] = annotation
        self._progress.clear()

    def _counts(self, annotation: Annotation) -> bool:
        """Whether it was made by the end of the iteration shown."""
        return (annotation.iteration or 0) <= self.tables.iteration

    def _n_decided(self, target: str, domain: str) -> int:
        key = (target, domain)
        if key not in self._progress:
            decided = self._decided.get(target, {})
            self._progress[key] = sum(
                nearest(pattern.text, decided) is not None
                for pattern in self._trees[target][domain]
            )
        return self._progress[key]

    def _file_mark(self) -> tuple[int, int] | None:
        try:
            status = self.file.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size

    def _known(self, target: str) -> str:
        if target not in self._trees:
            raise InputError(f"no target {target!r}; the run proposes patterns for: {self.targets}")
        return target

    def _ranked(self, target: str, names: Sequence[str]) -> list[Domain]:
        counted = {domain.name: domain for domain in self.tables.domains(target, names)}
        found = [counted.get(name, Domain(name, 0, 0)) for name in names]
        return sorted(found, key=lambda domain: (-domain.n_recalled, domain.name))


def _read_only(path: Path) -> list[Annotation]:
    """The decisions of a file that is never written, in any layout."""
    return parse_annotations(path, read_text(path))
