"""What a run says of the patterns it proposes: an iteration's tables, as the page asks.

Cost. All patterns are held without their examples (`pattern_table`). Opening a domain joins its
scores with the documents' URLs, one scan of narrow columns; of a domain with more than
`MAX_PAGES` pages those with the smallest doc_id (a hash, so a fair draw) and the examples are
looked at. Texts are read for the pages shown.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipeline.annotate.pattern_table import Pattern, PatternTable, pattern_tables
from pipeline.inspection.views import open_run, quoted
from pipeline.storage.json_files import read_json
from pipeline.storage.location import location, open_storage
from stages.errors import ConfigError
from stages.recall.sites.url_patterns import directory_of

MAX_PAGES = 20_000
"""Pages of one domain that histograms and samples are made of."""
MAX_CHARACTERS = 4_000
"""Of each sample's text."""
CACHED_DOMAINS = 8

_TABLE = re.compile(r"web\.recall_iteration_(\d+)_patterns")
_TABLES = ("domains", "scores")


@dataclass(frozen=True, slots=True)
class Domain:
    """A row of `domains`, as one target sees it."""

    name: str
    n_pages: int
    n_recalled: int

    @property
    def hit_rate(self) -> float:
        """Share of the domain's pages that the target recalled."""
        return self.n_recalled / self.n_pages if self.n_pages else 0.0


@dataclass(frozen=True, slots=True)
class Page:
    """A scored page of a domain."""

    doc_id: bytes
    shard: int
    row: int
    url: str
    directory: str
    """The deepest pattern it lies under."""
    score: float


@dataclass(frozen=True, slots=True)
class Text:
    """What a person reads of a page."""

    title: str | None
    natural_language: str | None
    n_bytes: int
    text: str


class RunTables:
    """The tables of one iteration."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        iteration: int,
        thresholds: Mapping[str, float],
        accepted: bool,
    ) -> None:
        self.iteration = iteration
        self.thresholds = thresholds
        self.accepted = accepted
        self._connection = connection
        self._prefix = f"web.recall_iteration_{iteration}"
        self._pages: OrderedDict[tuple[str, str], list[Page]] = OrderedDict()

    def patterns(self) -> dict[str, PatternTable]:
        """Every proposed pattern, without its examples, by target."""
        rows = self._connection.sql(
            "select target, pattern, domain, n_pages, n_recalled, accepted, decided_by "
            f"from {self._prefix}_patterns"
        )
        return pattern_tables(rows.to_arrow_table())

    def domains(self, target: str, names: Sequence[str]) -> list[Domain]:
        """The domains of these names that recall counted."""
        recalled = quoted(f"n_recalled_{target}")
        rows = self._connection.execute(
            f"select domain, n_pages, {recalled} from {self._prefix}_domains "
            "semi join (select unnest(?) as domain) using (domain)",
            [list(names)],
        )
        return [Domain(*row) for row in rows.fetchall()]

    def n_candidates(self, target: str) -> int:
        """Domains that recall holds for the target's, with or without patterns."""
        column = quoted(f"is_{target}")
        row = self._connection.execute(
            f"select count(*) from {self._prefix}_domains where {column}"
        ).fetchone()
        return int(row[0]) if row else 0

    def examples(self, pattern: Pattern) -> list[bytes]:
        """The doc_ids of the pages that recall chose as the pattern's examples."""
        row = self._connection.execute(
            "select list_transform(examples, lambda e: e.doc_id) "
            f"from {self._prefix}_patterns where target = ? and pattern = ?",
            [pattern.target, pattern.text],
        ).fetchone()
        return list(row[0]) if row and row[0] else []

    def pages(self, target: str, domain: str) -> list[Page]:
        """The domain's scored pages, at most `MAX_PAGES` besides the examples."""
        key = (target, domain)
        if key not in self._pages:
            self._pages[key] = self._read_pages(target, domain)
            if len(self._pages) > CACHED_DOMAINS:
                self._pages.popitem(last=False)
        self._pages.move_to_end(key)
        return self._pages[key]

    def _read_pages(self, target: str, domain: str) -> list[Page]:
        score = quoted(f"score_{target}")
        rows = self._connection.execute(
            "with example as ("
            "  select distinct unnest(list_transform(examples, lambda e: e.doc_id)) as doc_id"
            f" from {self._prefix}_patterns where target = $target and domain = $domain"
            "), scored as ("
            f"  select doc_id, shard, row, {score} as score from {self._prefix}_scores"
            "  where domain = $domain"
            "  order by doc_id not in (select doc_id from example), doc_id limit $limit"
            ") select s.doc_id, s.shard, s.row, d.url, s.score"
            " from scored s join web.documents d on s.shard = d.shard and s.row = d.row"
            " where d.domain = $domain and s.score is not null order by s.doc_id",
            {"target": target, "domain": domain, "limit": MAX_PAGES},
        )
        return [
            Page(doc_id, shard, row, url, directory_of(url), score)
            for doc_id, shard, row, url, score in rows.fetchall()
        ]

    def texts(self, pages: Sequence[Page]) -> dict[bytes, Text]:
        """The beginning of each page's text, by doc_id."""
        if not pages:
            return {}
        rows = self._connection.execute(
            "select doc_id, title, natural_language, n_bytes, left(text, $characters) "
            "from web.documents where shard in (select unnest($shards)) "
            "and (shard, row) in (select unnest($shards), unnest($rows))",
            {
                "characters": MAX_CHARACTERS,
                "shards": [page.shard for page in pages],
                "rows": [page.row for page in pages],
            },
        )
        return {doc_id: Text(*rest) for doc_id, *rest in rows.fetchall()}


@contextmanager
def open_iterations(run: Path) -> Iterator[dict[int, RunTables]]:
    """Every iteration of a run that proposed patterns, by ascending number; at least one."""
    with open_run(run) as (connection, views):
        found = sorted(int(match[1]) for name in views if (match := _TABLE.fullmatch(name)))
        if not found:
            raise ConfigError(
                f"{location(run)}: no patterns to annotate; recall proposes them once it has "
                "scored the web (sluice run CONFIG --stage web.recall)"
            )
        needed = [f"web.recall_iteration_{n}_{table}" for n in found for table in _TABLES]
        for name in (*needed, "web.documents"):
            if name not in views:
                raise ConfigError(f"{location(run)}: the table {name} is missing; run recall again")
        metrics = {iteration: _metrics(run, iteration) for iteration in found}
        yield {
            iteration: RunTables(
                connection, iteration, _thresholds(facts), bool(facts.get("accepted", True))
            )
            for iteration, facts in metrics.items()
        }


def _metrics(run: Path, iteration: int) -> dict[str, Any]:
    storage, path = open_storage(run), f"web/recall/iteration-{iteration}/metrics.json"
    if not storage.exists(path):
        return {}
    return read_json(storage, path, dict, "run recall again")


def _thresholds(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Target → the calibrated probability from which a page is recalled."""
    found = {}
    for target, facts in metrics.get("targets", {}).items():
        calibrated = (facts.get("page") or {}).get("calibration") or facts.get("calibration") or {}
        threshold = calibrated.get("threshold")
        if threshold is not None:
            found[target] = float(threshold)
    return found
