"""All patterns of one target, column by column: what a page of a hundred of them is chosen from.

A crawl proposes hundreds of thousands of patterns, so nothing here is an object each: about 150
bytes a pattern. Texts are sorted by code points, in which all that lies under a directory is one
stretch; so a decision is given to all it holds for by one assignment.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.recall.sites.url_patterns import segments

OPEN, REJECTED, ACCEPTED = -1, 0, 1
"""Answers to a pattern."""
_LAST = "\U0010ffff"

Answers = npt.NDArray[np.int8]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A row of `patterns`."""

    target: str
    text: str
    domain: str
    n_pages: int
    n_recalled: int
    ruled: bool | None
    """What the rule decided in the run; None where it did not."""
    path: tuple[str, ...]
    """Its segments: the order of a tree."""

    @property
    def hit_rate(self) -> float:
        """Share of the pattern's pages that the target recalled."""
        return self.n_recalled / self.n_pages if self.n_pages else 0.0


class PatternTable:
    """The patterns of one target, in the order of their texts."""

    def __init__(self, target: str, rows: pa.Table) -> None:
        """`rows`: `pattern`, `domain`, `n_pages`, `n_recalled`, `accepted`, `decided_by`."""
        rows = rows.sort_by("pattern").combine_chunks()
        self.target = target
        self.texts: list[str] = rows["pattern"].to_pylist()
        domains = pc.dictionary_encode(rows["domain"].combine_chunks())
        self.domains: list[str] = domains.dictionary.to_pylist()
        self.domain_of: Places = domains.indices.to_numpy().astype(np.int64)
        self.n_pages: Places = rows["n_pages"].to_numpy()
        self.n_recalled: Places = rows["n_recalled"].to_numpy()
        ruled = pc.if_else(pc.equal(rows["decided_by"], "rule"), rows["accepted"], None)
        self._ruled: Answers = pc.fill_null(ruled.cast(pa.int8()), OPEN).to_numpy()
        self.parents = self._find_parents()
        self._by_domain = np.argsort(self.domain_of, kind="stable")
        self._starts = np.searchsorted(
            self.domain_of[self._by_domain], np.arange(len(self.domains) + 1)
        )
        self._number = {name: number for number, name in enumerate(self.domains)}

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, place: int) -> Pattern:
        ruled = int(self._ruled[place])
        return Pattern(
            self.target,
            self.texts[place],
            self.domains[self.domain_of[place]],
            int(self.n_pages[place]),
            int(self.n_recalled[place]),
            None if ruled == OPEN else bool(ruled),
            segments(self.texts[place]),
        )

    @property
    def hit_rates(self) -> npt.NDArray[np.float64]:
        """Of each pattern."""
        return self.n_recalled / np.maximum(self.n_pages, 1)

    def place(self, text: str) -> int | None:
        """Where a pattern stands."""
        found = bisect_left(self.texts, text)
        return found if found < len(self.texts) and self.texts[found] == text else None

    def of_domain(self, name: str) -> list[int]:
        """The places of a domain's patterns, parents before children; none of another name."""
        number = self._number.get(name)
        if number is None:
            return []
        places: list[int] = self._by_domain[
            self._starts[number] : self._starts[number + 1]
        ].tolist()
        return sorted(places, key=lambda place: segments(self.texts[place]))

    def answers(self, decisions: Mapping[str, bool]) -> Answers:
        """Of each pattern what the deepest decision that holds for it says."""
        found = np.full(len(self), OPEN, np.int8)
        for text in sorted(decisions, key=_depth):
            for stretch in self._under(text):
                found[stretch] = decisions[text]
        return found

    def top(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Those of the chosen patterns that lie under no other chosen one."""
        return chosen & ~(chosen[self.parents] & (self.parents >= 0))

    def pages(self, chosen: npt.NDArray[np.bool_]) -> int:
        """Pages under any of the patterns, each counted once. `chosen` holds for what is below."""
        return int(self.n_pages[self.top(chosen)].sum())

    def by_domain(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """[n domains]: the sum over each domain's patterns."""
        return np.bincount(self.domain_of, values, len(self.domains)).astype(np.int64)

    def _under(self, text: str) -> Iterator[slice]:
        """The stretches of the patterns that a decision on `text` holds for."""
        if not text.endswith("/"):
            here = self.place(text)
            if here is not None:
                yield slice(here, here + 1)
            text += "/"
        yield slice(bisect_left(self.texts, text), bisect_left(self.texts, text + _LAST))

    def _find_parents(self) -> Places:
        """[n]: the nearest proposed pattern above each, or -1."""
        parents = np.full(len(self), -1)
        above: list[tuple[int, str]] = []
        host, host_place = "", -1
        for place, text in enumerate(self.texts):
            name = text.partition("/")[0]
            if name != host:
                host, found = name, self.place(name)
                host_place, above = -1 if found is None else found, []
            while above and not text.startswith(above[-1][1]):
                above.pop()
            parents[place] = above[-1][0] if above else (host_place if text != host else -1)
            if text.endswith("/"):
                above.append((place, text))
        return parents


def _depth(text: str) -> int:
    """Hosts, then directories from the top."""
    return text.count("/")


def pattern_tables(rows: pa.Table) -> dict[str, PatternTable]:
    """A table for each target, in order of name."""
    targets: Sequence[str] = sorted(pc.unique(rows["target"]).to_pylist())
    return {
        target: PatternTable(target, rows.filter(pc.equal(rows["target"], target)))
        for target in targets
    }
