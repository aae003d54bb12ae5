"""Every figure of `stats` and of the dataset card is what DuckDB finds in the run's tables.

The run is the planted one of `tests/golden`: every stage of both corpora, two recalls, all shard
sets, records that are skipped and quarantined.
"""

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.configuration.names import StepName
from pipeline.inspection.grouping import grouped
from pipeline.inspection.stats import StageCount, funnel, stage_statistics
from pipeline.inspection.views import find_views
from pipeline.run import run as run_configuration
from tests.golden.chain import configured, write_inputs

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


class Tables:
    """A run's Parquet files, asked without any of Sluice's code."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.database = duckdb.connect()

    def rows(self, folder: str) -> str:
        """The SQL relation of a folder: its columns, the file's number and the row in it."""
        return (
            f"(select *, regexp_extract(filename, '([0-9]+)[.]parquet$', 1) as file "
            f"from read_parquet('{self.run}/{folder}/*.parquet', filename = true, "
            "file_row_number = true))"
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return self.database.execute(query).fetchall()

    def beside(self, folder: str, corpus: str) -> str:
        """A stage's table with its documents' text size, languages and licence."""
        kinds = f"{self.run}/{corpus}/language"
        language, license_ = ("d.natural_language", "null")
        join = ""
        if corpus == "github":
            license_ = "d.license"
            language = "null"
            if Path(kinds).exists() and folder != "github/documents":
                language = "coalesce(l.language, l.other)"
                join = f"join {self.rows('github/language')} l using (file, file_row_number)"
        return (
            f"(select s.*, d.n_bytes as size_of_text, {language} as said_language, "
            f"{license_} as said_license from {self.rows(folder)} s "
            f"join {self.rows(f'{corpus}/documents')} d using (file, file_row_number) {join})"
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    write_inputs(folder / "inputs")
    run_configuration(configured(folder / "inputs", folder / "run"), address="local")
    return folder / "run"


@pytest.fixture(scope="module")
def tables(run: Path) -> Tables:
    return Tables(run)


def folder_of(count: StageCount) -> str:
    if count.stage.startswith("shards."):
        return count.stage.replace(".", "/", 1).replace("_", "-")
    return StepName.parse(count.stage).folder


def by(rows: list[tuple[Any, ...]]) -> dict[Any, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in rows}


def groups_of(found: list[dict[str, Any]], *names: str) -> dict[Any, tuple[Any, ...]]:
    return {group["value"]: tuple(group[name] for name in names) for group in found}


def test_every_figure_of_stats(run: Path, tables: Tables) -> None:
    """The funnel, each stage's groups and histograms."""
    counts = funnel(run)
    assert len(counts) > 20
    assert sum(count.quarantined for count in counts) > 0
    for count in counts:
        if count.stage.startswith("shards."):
            require_samples(run, tables, count)
        else:
            require_documents(run, tables, count)


def require_samples(run: Path, tables: Tables, count: StageCount) -> None:
    rows = tables.rows(folder_of(count))
    assert (count.bytes, count.kept_bytes) == (None, None)
    assert [(count.documents, count.tokens)] == tables.ask(
        f"select count(*), sum(n_tokens) from {rows}"
    )
    detail = stage_statistics(run, count.stage)
    for key in ("language", "license"):
        assert groups_of(detail[key], "documents", "tokens") == by(
            tables.ask(f"select parts[1].{key}, count(*), sum(n_tokens) from {rows} group by all")
        )
    require_histograms(tables, detail["histograms"], rows, "true")


def require_documents(run: Path, tables: Tables, count: StageCount) -> None:
    step = StepName.parse(count.stage)
    rows = tables.beside(folder_of(count), str(step.corpus))
    judged = "keep is not null" if count.judges else "true"
    kept = "keep" if count.judges else "true"
    assert count.tokens is None
    assert [(count.documents, count.kept, count.bytes, count.kept_bytes)] == tables.ask(
        f"select count(*), count(*) filter ({kept}), sum(size_of_text), "
        f"coalesce(sum(size_of_text) filter ({kept}), 0) from {rows} where {judged}"
    )
    if count.judges:
        reasons = tables.ask(f"select reason, count(*) from {rows} where not keep group by all")
        assert count.reasons == dict(reasons)
    detail = stage_statistics(run, count.stage)
    for key in ("language", "license"):
        names = ("documents", "bytes", "kept") if count.judges else ("documents", "bytes")
        figures = f"count(*), sum(size_of_text), count(*) filter ({kept})"
        expected = by(
            tables.ask(f"select said_{key}, {figures} from {rows} where {judged} group by all")
        )
        found = groups_of(detail[key], *names)
        assert found == {value: row[: len(names)] for value, row in expected.items()}
    require_histograms(tables, detail["histograms"], rows, judged)
    if list((run / step.quarantine).glob("*.parquet")):
        quarantined = tables.ask(f"select count(*) from {tables.rows(step.quarantine)}")
        assert quarantined[0][0] >= count.quarantined
    else:
        assert count.quarantined == 0


def require_histograms(tables: Tables, found: dict[str, Any], rows: str, judged: str) -> None:
    for name, one in found.items():
        edges = ", ".join(map(repr, one["edges"]))
        query = (
            f"select len(list_filter([{edges}], lambda edge: edge <= {name})), count(*) "
            f"from {rows} where {judged} and {name} is not null group by all"
        )
        assert {i: n for i, n in enumerate(one["counts"]) if n} == dict(tables.ask(query))


@pytest.mark.parametrize(
    ("stage", "column"),
    [
        ("github.rules", "language"),
        ("github.rules", "repo"),
        ("github.dedup", "license"),
        ("github.redact", "origin"),
        ("web.recall", "domain"),
        ("web.dedup", "natural_language"),
        ("web.documents", "host"),
        ("shards.code", "split"),
        ("web.dedup_pairs", "accepted"),
        ("web.recall_iteration_1_patterns", "accepted"),
        ("web.recall_iteration_1_domains", "domain"),
    ],
)
def test_every_figure_of_a_grouping(run: Path, tables: Tables, stage: str, column: str) -> None:
    """Also of tables whose rows are no documents, by their own columns."""
    view = next(view for view in find_views(run) if f"{view.schema}.{view.name}" == stage)
    own = tables.rows(view.folder)
    found = grouped(run, stage, column)
    if view.is_stage:
        holders = [one for one in find_views(run) if one.is_stage and column in one.columns]
        holder = next(one for one in holders if one.schema == view.schema)
        value = "coalesce(p.language, p.other)" if column == "language" else f"p.{column}"
        kept = "s.keep" if "keep" in view.columns else "true"
        judged = "s.keep is not null" if "keep" in view.columns else "true"
        rows = tables.ask(
            f"select {value}, count(*), sum(d.n_bytes), count(*) filter ({kept}) from {own} s "
            f"join {tables.rows(holder.folder)} p using (file, file_row_number) "
            f"join {tables.rows(f'{view.schema}/documents')} d using (file, file_row_number) "
            f"where {judged} group by all"
        )
        names = ("documents", "bytes", "kept") if "keep" in view.columns else ("documents", "bytes")
    elif view.schema == "shards":
        rows = tables.ask(f"select {column}, count(*), sum(n_tokens) from {own} group by all")
        names = ("documents", "tokens")
    else:
        rows = tables.ask(f"select {column}, count(*) from {own} group by all")
        names = ("rows",)
    expected = {value: tuple(row[: len(names)]) for value, row in by(rows).items()}
    assert {group[column]: tuple(group[name] for name in names) for group in found} == expected


def card_table(card: str, first: str) -> list[list[str]]:
    """The rows of the Markdown table whose head begins with these cells."""
    head = card.index(f"| {first} |")
    lines = card[head:].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip(" `*") for cell in line[1:-1].split("|")] for line in lines]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def is_size(text: str, n_bytes: float) -> bool:
    """Whether a size in words is this one, to its last digit."""
    amount, unit = text.split()
    return abs(float(amount.replace(",", "")) * UNITS[unit] - n_bytes) <= 0.051 * UNITS[unit]


def test_every_figure_of_the_card(run: Path, tables: Tables) -> None:
    """Sets, funnel, languages and licences; and the counts in its sentences."""
    card = (run / "shards" / "README.md").read_text()
    folders = sorted(path.name for path in (run / "shards").iterdir() if path.is_dir())
    sets = card_table(card, "set | content")
    assert sorted(row[0] for row in sets[:-1]) == folders
    every = f"read_parquet('{run}/shards/*/*.parquet', filename = true)"
    totals = "count(*), sum(n_tokens)::bigint, count(distinct filename)"
    for name, _, samples, tokens, files, size in sets:
        where = "true" if name == "total" else f"source = '{name}'"
        found = tables.ask(f"select {totals} from {every} where {where}")
        assert [(number(samples), number(tokens), number(files))] == found
        own = "*" if name == "total" else name
        assert is_size(
            size, sum(path.stat().st_size for path in (run / "shards").glob(f"{own}/*.parquet"))
        )
    counts = {count.stage: count for count in funnel(run)}  # each held against the tables above
    for stage, documents, kept, share, size, dropped in card_table(card, "stage | documents"):
        count = counts[stage]
        assert (number(documents), number(kept)) == (count.documents, count.kept)
        assert share == f"{count.kept / count.documents:.1%}"
        assert is_size(size, count.kept_bytes or 0)
        reasons = dict(one.rsplit(" ", 1) for one in dropped.split(", ") if one)
        assert {name: number(n) for name, n in reasons.items()} == count.reasons
    for key, title in (("language", "language"), ("license", "licence")):
        found = tables.ask(
            f"select source, coalesce(parts[1].{key}, '(unknown)'), count(*), "
            f"sum(n_tokens)::bigint from {every} group by all"
        )
        rows = card_table(card, f"set | {title}")
        assert {(a, b): (number(n), number(m)) for a, b, n, m in rows} == {
            (a, b): (n, m) for a, b, n, m in found
        }
    for reason, said in (("exact", "exact duplicates removed"), ("near", "near-duplicates")):
        for corpus in ("github", "web"):
            sentence = next(line for line in card.splitlines() if line.startswith(f"- {corpus}:"))
            match = re.search(rf"{said}[^;]*\(([\d,]+) documents?\)", sentence)
            assert match is not None
            dedup = tables.rows(f"{corpus}/dedup")
            found = tables.ask(f"select count(*) from {dedup} where reason = '{reason}'")
            assert number(match[1]) == found[0][0]
