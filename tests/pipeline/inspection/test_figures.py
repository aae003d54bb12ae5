"""Every figure of `stats`, of the dataset card and of the report is what DuckDB finds in the run's
tables.

The run is the planted one of `tests/golden`: every stage of both corpora, two recalls, all shard
sets, records that are skipped and quarantined.
"""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.configuration.names import StepName
from pipeline.inspection.grouping import grouped
from pipeline.inspection.stats import StageCount, funnel, stage_statistics
from pipeline.inspection.views import find_views
from pipeline.report.build import make_report
from pipeline.run import run as run_configuration
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import LocalStorage
from tests.golden.chain import configured, write_inputs
from tests.pipeline.inspection.tables import Tables, by, card_table, groups_of, is_size, number
from tests.pipeline.report.conftest import figures_in


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


@pytest.fixture(scope="module")
def figures(run: Path, tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the report embeds, with every third page of the crawl labelled."""
    labels = tmp_path_factory.mktemp("labels") / "labels.parquet"
    rows = tables.ask(f"select url from {tables.rows('web/documents')} order by doc_id")
    table = pa.table({"url": [row[0] for row in rows[::3]], "label": ["code"] * len(rows[::3])})
    pq.write_table(table, labels)
    page = make_report(run, labels)
    assert b'<title id="title">Precision against recall' in page
    return figures_in(page)


def test_the_report_counts_as_stats_does(run: Path, figures: dict[str, Any]) -> None:
    """The funnel, and every histogram that has a value (each held against the tables above)."""
    assert figures["funnel"] == [count.to_dict() for count in funnel(run)]
    assert sum(row["records"] for row in figures["skipped"]) == sum(
        sum(count.skipped.values()) for count in funnel(run)
    )
    found = {(one["stage"], one["measure"]): one for one in figures["histograms"]}
    for count in funnel(run):
        for name, one in stage_statistics(run, count.stage)["histograms"].items():
            shown = found.get((count.stage, name), {"counts": [0] * len(one["counts"])})
            assert shown["counts"] == list(one["counts"])
    limits = {one["option"]: one["value"] for key in found for one in found[key]["thresholds"]}
    assert (limits["max_line_length"], limits["threshold"]) == (1000, 0.85)
    assert {"threshold of code", "threshold of math", "threshold of quality"} < limits.keys()


def test_every_figure_of_the_mix(run: Path, tables: Tables, figures: dict[str, Any]) -> None:
    """Tokens by set and split, and of documents by language, natural language and licence."""
    mix = figures["mix"]
    for one in mix["sets"]:
        rows = tables.rows(f"shards/{one['set']}")
        files = list((run / "shards" / one["set"]).glob("*.parquet"))
        assert (one["files"], one["bytes"]) == (len(files), sum(f.stat().st_size for f in files))
        found = tables.ask(f"select split, count(*), sum(n_tokens) from {rows} group by all")
        splits = one["splits"].items()
        assert by(found) == {k: (v["samples"], v["tokens"]) for k, v in splits if v["samples"]}
    parts = (
        "(select source, unnest(parts) as part from "
        f"read_parquet('{run}/shards/*/*.parquet')) where source != 'code-quality'"
    )
    own = "and source in ('code', 'text')"
    for key, column, where in (
        ("languages", "language", own),
        ("natural_languages", "language", "and source not in ('code', 'text')"),
        ("licenses", "license", ""),
    ):
        found = by(
            tables.ask(
                f"select part.{column}, count(*), sum(part.n_tokens) from {parts} {where} "
                "group by all"
            )
        )
        shown = {row["name"]: (row["documents"], row["tokens"]) for row in mix[key]}
        assert {name: counts for name, counts in shown.items() if counts != (0, 0)} == found
    assert len([row for row in mix["languages"] if row["supported"]]) == 338
    read = by(
        tables.ask(
            f"select said_language, count(*), sum(size_of_text) from "
            f"{tables.beside('github/language', 'github')} group by all"
        )
    )
    shown = {row["name"]: (row["read"], row["read_bytes"]) for row in mix["languages"]}
    assert {name: counts for name, counts in shown.items() if counts != (0, 0)} == read


def test_costs_are_those_of_the_receipts(run: Path, figures: dict[str, Any]) -> None:
    """Every unit that has receipts of its own, by their CPU seconds; corpus stages by their
    steps, also the text that they read."""
    units = {one["unit"]: one for one in figures["costs"]["units"]}
    assert {"github.documents", "github.rules.measure", "web.recall.decide", "emit.web"} < set(
        units
    )
    for name in ("github.documents", "github.rules.measure", "github.rules.decide", "web.redact"):
        receipts = parse_receipts(LocalStorage(run), StepName.parse(name).folder).values()
        spent = [one.effort["cpu_seconds"] for one in receipts if one.step == name]
        assert units[name]["cpu_seconds"] == pytest.approx(sum(spent))
    steps = json.loads((run / "costs.json").read_text())
    for name in ("web.recall.decide", "emit.web"):
        own = [one for step, one in steps.items() if step.startswith(f"{name}.")]
        spent = [one["core_seconds"] * one["input_bytes"] + one["once_core_seconds"] for one in own]
        assert units[name]["cpu_seconds"] == pytest.approx(sum(spent))
        read = sum(one["text_bytes"] * one["input_bytes"] for one in own)
        assert 0 < units[name]["text_bytes"] == pytest.approx(read)


def test_every_figure_of_duplicates(tables: Tables, figures: dict[str, Any]) -> None:
    """Groups by size, the largest of them, and the similarity of pairs."""
    for one in figures["duplicates"]:
        rows = tables.rows(f"{one['corpus']}/dedup")
        clusters = tables.ask(f"select cluster from {rows} where cluster is not null")
        sizes = Counter(row[0].hex() for row in clusters)
        shown = {row["least"]: (row["clusters"], row["documents"]) for row in one["sizes"]}
        expected: dict[int, tuple[int, int]] = {}
        for n in sizes.values():
            least = 1 << (n.bit_length() - 1)
            groups, documents = expected.get(least, (0, 0))
            expected[least] = groups + 1, documents + n
        assert shown == expected
        largest = sorted((n for n in sizes.values() if n > 1), reverse=True)[:10]
        assert [row["documents"] for row in one["largest"]] == largest
        assert all(sizes[row["doc_id"]] == row["documents"] for row in one["largest"])
    assert figures["pairs"]
    for pair in figures["pairs"]:
        rows = tables.rows(f"{pair['corpus']}/dedup/pairs")
        for name, where in (("accepted", "accepted"), ("rejected", "not accepted")):
            edges = ", ".join(map(repr, pair["edges"]))
            found = tables.ask(
                f"select len(list_filter([{edges}], lambda edge: edge <= similarity)), count(*) "
                f"from {rows} where {where} group by all"
            )
            assert {i: n for i, n in enumerate(pair[name]) if n} == dict(found)


def test_every_figure_of_single_records(tables: Tables, figures: dict[str, Any]) -> None:
    """What was redacted, contaminated, quarantined, and recalled."""
    for name, stage in (("redacted", "redact"), ("contaminated", "decontaminate")):
        found = {}
        for corpus in ("github", "web"):
            rows = tables.ask(f"select spans from {tables.rows(f'{corpus}/{stage}')}")
            kinds = Counter(span["kind"] for (spans,) in rows for span in spans or ())
            found |= {(corpus, kind): n for kind, n in kinds.items()}
        shown = {(row["corpus"], row["kind"]): row["spans"] for row in figures[name]}
        assert shown == found != {}
    for row in figures["quarantine"]:
        rows = tables.rows(f"quarantine/{row['stage'].replace('.', '/')}")
        found = tables.ask(f"select count(*) from {rows} where reason = '{row['reason']}'")
        assert [(row["records"],)] == found
    assert figures["quarantine"]
    for one in figures["recall"]:
        rows = tables.rows(f"{one['corpus']}/recall")
        recalled = tables.ask(f"select recalled from {rows} where len(recalled) > 0")
        sets = Counter(tuple(row[0]) for row in recalled)
        assert {tuple(row["targets"]): row["documents"] for row in one["targets"]} == sets
        first = tables.ask(
            f"select iteration, count(*) from {rows} where iteration is not null group by all"
        )
        assert {row["iteration"]: row["documents"] for row in one["first_in"]} == dict(first)
