"""One person's pass over the patterns of a run: what is open, what was decided, and undo.

A decision holds for a pattern and for everything under it that has none of its own; it counts from
the iteration that it answers on. Patterns are decided one by one, all that a filter chooses at
once, or, once the decisions cover `enough` of the pages, the rest by the rule. The file is the only
state: every decision is on disk before the next page is shown, and what another editor wrote
meanwhile is seen. Undo takes back this session's decisions, the last one first, each only if it
still stands.
"""

import datetime
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from pipeline.annotate.annotations_file import UNREAD, Document, Entry, Mark, edit, mark_of, read
from pipeline.annotate.changes import Change, Edit, Progress
from pipeline.annotate.iteration_tables import Domain, RunTables
from pipeline.annotate.pattern_table import OPEN, Answers, Pattern, PatternTable
from pipeline.annotate.selection import Selection
from pipeline.annotate.tree import Node, nodes_of
from stages.errors import InputError
from stages.recall.sites.annotations import (
    Annotation,
    Key,
    Rest,
    RestKey,
    parse_annotations,
    read_text,
)
from stages.recall.sites.url_patterns import nearest

Entries = Mapping[Key | RestKey, Entry | None]


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
        enough: float | None = None,
        today: Callable[[], datetime.date] = datetime.date.today,
    ) -> None:
        """`before` and `after` are files whose decisions hold as well, but which are not written:
        the file wins over those before it, and those after win over the file. `enough`: the share
        of pages from which the rest is left to the rule."""
        self.tables = tables
        self.file = file
        self.author = author
        self.enough = enough
        self.changes: list[Change] = []
        self._today = today
        self._rests: set[RestKey] = set()
        self._before = self._of_others(before)
        others = [(path, self._of_others([path])) for path in after]
        self._after = {key: (path, one) for path, found in others for key, one in found.items()}
        self._patterns = tables.patterns()
        self._domains = {target: self._ranked(table) for target, table in self._patterns.items()}
        self._document = Document()
        self._answers: dict[str, Answers] = {}
        self._mark: Mark | None = UNREAD
        self.refresh()

    @property
    def targets(self) -> list[str]:
        """Targets with patterns, in order of name."""
        return sorted(self._patterns)

    def refresh(self) -> None:
        """See what the file says now; it is read only if it changed."""
        mark = mark_of(self.file)
        if mark != self._mark:
            self._adopt(read(self.file, self._document))
            self._mark = mark

    def domains(self, target: str) -> list[Domain]:
        """The target's domains, most recalled pages first."""
        return self._domains[self.table(target).target]

    def table(self, target: str) -> PatternTable:
        """The target's patterns."""
        if target not in self._patterns:
            raise InputError(f"no target {target!r}; the run proposes patterns for: {self.targets}")
        return self._patterns[target]

    def answers(self, target: str) -> Answers:
        """What holds for each pattern of `table`."""
        if target not in self._answers:
            accepts = {text: one.accept for text, one in self._decided.get(target, {}).items()}
            self._answers[target] = self.table(target).answers(accepts)
        return self._answers[target]

    def progress(self, target: str) -> Progress:
        """Of all the target's patterns."""
        table, is_decided = self.table(target), self.answers(target) != OPEN
        return Progress(
            int(is_decided.sum()),
            len(table),
            table.pages(is_decided),
            table.pages(np.ones(len(table), bool)),
            self.is_left(target),
        )

    def progress_by_domain(self, target: str) -> dict[str, Progress]:
        """Of each domain."""
        table, is_decided = self.table(target), self.answers(target) != OPEN
        everything = np.ones(len(table), bool)
        columns = (
            table.by_domain(is_decided.astype(np.int64)),
            table.by_domain(everything.astype(np.int64)),
            table.by_domain(np.where(table.top(is_decided), table.n_pages, 0)),
            table.by_domain(np.where(table.top(everything), table.n_pages, 0)),
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        left = self.is_left(target)
        return {
            name: Progress(n_decided, n_patterns, n_covered, n_pages, left)
            for name, (n_decided, n_patterns, n_covered, n_pages) in zip(
                table.domains, rows, strict=True
            )
        }

    def is_left(self, target: str) -> bool:
        """Whether the rule decides what nobody did."""
        return (target, self.tables.iteration) in self._rests | set(self._own_rests)

    def tree(self, target: str, domain: str) -> list[Node]:
        """The domain's patterns, parents before children."""
        nodes = nodes_of(self.table(target), domain, self._decided.get(target, {}))
        if not nodes:
            raise InputError(f"no pattern is proposed in {domain} for {target}")
        return nodes

    def find(self, target: str, text: str) -> Pattern:
        """The pattern as the run proposed it."""
        table = self.table(target)
        place = table.place(text)
        if place is None:
            raise InputError(f"the run proposes no pattern {text!r} for {target}")
        return table[place]

    def next_open(self, target: str, after: Pattern | None = None) -> Pattern | None:
        """The next pattern without a decision: further down the tree, then in the domains that
        follow, then from the beginning."""
        table, is_open = self.table(target), self.answers(target) == OPEN
        if self.is_left(target) or not is_open.any():
            return None
        counts = table.by_domain(is_open.astype(np.int64))
        waiting = {table.domains[number] for number in np.flatnonzero(counts)}
        names = [domain.name for domain in self.domains(target)]
        start = names.index(after.domain) if after is not None else 0
        for name in names[start:] + names[:start]:
            if name not in waiting:
                continue
            found = [table[place] for place in table.of_domain(name) if is_open[place]]
            if after is not None and name == after.domain:
                found.sort(key=lambda pattern: pattern.path <= after.path)
            return found[0]
        return None

    def decide(self, pattern: Pattern, accept: bool | None) -> None:
        """Accept, reject, or (None) withdraw what was decided about this pattern; saved at once."""
        self.refresh()
        key = (pattern.target, pattern.text)
        before = self._written.get(key)
        counts = before is not None and self._counts(before)
        if accept == (before.accept if before is not None and counts else None):
            return
        if key in self._after:
            path = self._after[key][0]
            raise InputError(f"{pattern.text} is decided in {path}, which wins over {self.file}")
        after = None if accept is None else self._annotation(key, accept)
        verb = "withdrew" if accept is None else _verb(accept)
        self._apply(pattern.target, verb, pattern.text, {key: after}, pattern)
        self._leave_if_enough(pattern.target)

    def decide_all(self, target: str, selection: Selection, accept: bool, expected: int) -> None:
        """Accept or reject every pattern that a filter chooses, at once. InputError if these are
        not as many as were expected: someone decided meanwhile."""
        self.refresh()
        table, answers = self.table(target), self.answers(target)
        places = np.flatnonzero(selection.chosen(table, answers))
        if len(places) != expected:
            raise InputError(f"{len(places):,} patterns are {selection} now, not {expected:,}")
        decided = {text: one.accept for text, one in self._decided.get(target, {}).items()}
        entries: dict[Key | RestKey, Entry | None] = {}
        for text in sorted((table.texts[place] for place in places), key=lambda t: t.count("/")):
            holds = nearest(text, decided)
            if (target, text) in self._after or (holds is not None and holds[1] == accept):
                continue  # so that the file holds no more than it must
            decided[text] = accept
            entries[target, text] = self._annotation((target, text), accept)
        if entries:
            self._apply(target, _verb(accept), f"{len(places):,} patterns ({selection})", entries)
            self._leave_if_enough(target)

    def leave_rest(self, target: str) -> None:
        """Leave what nobody decided to the rule; saved at once."""
        self.refresh()
        if self.is_left(target) or not (self.answers(target) == OPEN).any():
            return
        rest = Rest(
            target=target, iteration=self.tables.iteration, author=self.author, date=self._today()
        )
        self._apply(target, "left to the rule", "the rest", {rest.key: rest})

    def undo(self) -> Change | None:
        """Take back the last change of this session. InputError if it no longer stands."""
        self.refresh()
        if not self.changes:
            return None
        change = self.changes[-1]
        written = self._document.entries()
        if any(written.get(key) != one.after for key, one in change.edits.items()):
            self.changes.pop()
            raise InputError(
                f"{change.what}: {self.file} was changed meanwhile; nothing was undone"
            )
        self._write({key: one.before for key, one in change.edits.items()})
        return self.changes.pop()

    def _leave_if_enough(self, target: str) -> None:
        if self.enough is not None and self.progress(target).covered >= self.enough:
            self.leave_rest(target)

    def _annotation(self, key: Key, accept: bool) -> Annotation:
        """A changed decision still answers the iteration that first asked, or that one would wait
        for an answer again."""
        before = self._written.get(key)
        counts = before is not None and self._counts(before)
        return Annotation(
            target=key[0],
            pattern=key[1],
            accept=accept,
            author=self.author,
            date=self._today(),
            iteration=before.iteration if before is not None and counts else self.tables.iteration,
        )

    def _apply(
        self, target: str, verb: str, what: str, entries: Entries, pattern: Pattern | None = None
    ) -> None:
        table, before = self.table(target), self.answers(target)
        written = self._document.entries()
        edits = {key: Edit(written.get(key), entry) for key, entry in entries.items()}
        self._write(entries)
        changed = before != self.answers(target)
        if any(isinstance(entry, Rest) for entry in entries.values()):
            changed = before == OPEN
        n_changed, n_pages = int(changed.sum()), table.pages(changed)
        self.changes.append(Change(target, verb, what, edits, pattern, n_changed, n_pages))

    def _write(self, entries: Entries) -> None:
        known, self._document, self._mark = self._document, Document(), UNREAD
        self._adopt(edit(self.file, lambda document: document.put_all(entries), known))
        self._mark = mark_of(self.file)

    def _adopt(self, document: Document) -> None:
        self._document = document
        self._written = document.decisions()
        self._own_rests = document.rests()
        after = {key: annotation for key, (_, annotation) in self._after.items()}
        self._decided: dict[str, dict[str, Annotation]] = {}
        for (target, text), annotation in {**self._before, **self._written, **after}.items():
            if self._counts(annotation):
                self._decided.setdefault(target, {})[text] = annotation
        self._answers.clear()

    def _of_others(self, paths: Iterable[Path]) -> dict[Key, Annotation]:
        """The decisions of files that are never written, in any layout."""
        found: dict[Key, Annotation] = {}
        for path in paths:
            annotations, rests = parse_annotations(path, read_text(path))
            found |= {one.key: one for one in annotations}
            self._rests |= {one.key for one in rests}
        return found

    def _counts(self, annotation: Annotation) -> bool:
        """Whether it was made by the end of the iteration shown."""
        return (annotation.iteration or 0) <= self.tables.iteration

    def _ranked(self, table: PatternTable) -> list[Domain]:
        counted = {one.name: one for one in self.tables.domains(table.target, table.domains)}
        found = [counted.get(name, Domain(name, 0, 0)) for name in table.domains]
        return sorted(found, key=lambda domain: (-domain.n_recalled, domain.name))


def _verb(accept: bool) -> str:
    return "accepted" if accept else "rejected"
