"""Looking into a run: SQL, statistics and one document's life, over a real run."""

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from pipeline.configuration import load
from pipeline.inspection.life import lives
from pipeline.inspection.sql import query
from pipeline.inspection.stats import (
    FLAGGED_DOCUMENTS,
    funnel,
    grouped,
    is_flagged,
    stage_statistics,
)
from pipeline.inspection.views import find_views, open_run
from pipeline.run import run as run_configuration
from schemas.identity import doc_id
from stages.errors import ConfigError, InputError

COPY = "someone/json-copy@" + "1" * 40 + ":decoder.py"
LONG = "python/json@" + "0" * 40 + ":long.py"


@pytest.fixture(scope="module")
def run(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run, in this process."""
    folder = tmp_path_factory.mktemp("inspected") / "run"
    settings = [
        f"github.inputs=['{inputs}/*.tar.gz']",
        f"web.inputs=['{inputs}/*.warc.gz']",
        "github.shard_bytes=60000",
    ]
    run_configuration(load(None, settings, folder), address="local")
    return folder


def answer(run: Path, statement: str) -> list[dict[str, Any]]:
    return [row for batch in query(run, statement) for row in batch.to_pylist()]


def sluice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, standard output, standard error."""
    monkeypatch.setattr("sys.argv", ["sluice", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_every_folder_of_shards_is_a_view(run: Path) -> None:
    """Names are the stages'; a measure table and the evidence have their own."""
    names = {f"{view.schema}.{view.name}" for view in find_views(run)}
    assert {
        "github.documents",
        "github.language",
        "github.rules",
        "github.rules_measure",
        "github.dedup",
        "github.dedup_pairs",
        "web.documents",
        "web.dedup",
        "shards.code",
        "shards.natural",
    } <= names
    assert not any("scratch" in name for name in names)


def test_a_view_holds_the_rows_of_its_own_files_alone(run: Path) -> None:
    """Sub-folders and unfinished files do not count."""
    unfinished = run / "github" / "rules" / ".00000.data.g1a0.tmp"
    unfinished.write_bytes(b"half a file")
    hidden = run / "github" / "rules" / ".00000.parquet"
    hidden.write_bytes(b"half a file")
    try:
        files = sorted((run / "github" / "rules").glob("[0-9]*.parquet"))
        expected = sum(pq.read_metadata(file).num_rows for file in files)
        assert answer(run, "select count(*) as n from github.rules") == [{"n": expected}]
    finally:
        unfinished.unlink()
        hidden.unlink()


def test_tables_join_by_shard_and_row(run: Path) -> None:
    """The row numbers of all tables of a corpus say the same document."""
    rows = answer(
        run,
        "select count(*) as n, count(*) filter (d.doc_id = r.doc_id) as same "
        "from github.documents d join github.rules r using (shard, row)",
    )
    assert rows[0]["n"] == rows[0]["same"] > 0


@pytest.mark.parametrize(
    "statement", ["describe github.rules", "explain select 1", "from web.dedup"]
)
def test_sql_describes_and_explains(run: Path, statement: str) -> None:
    """DuckDB's own short forms work."""
    assert answer(run, statement)


def test_a_wrong_query_is_explained(run: Path) -> None:
    """DuckDB's message, and for a table that is not there, those that are."""
    with pytest.raises(ConfigError, match=r"Tables of this run: .*github\.documents"):
        answer(run, "select * from github.rulez")
    with pytest.raises(ConfigError, match="syntax error"):
        answer(run, "selct 1")


def test_an_empty_answer_still_has_columns(run: Path) -> None:
    """A table of no rows is printed with its head."""
    batches = list(query(run, "select uri from github.documents where false"))
    assert [batch.schema.names for batch in batches] == [["uri"]]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    """Missing and empty folders are told apart."""
    with pytest.raises(ConfigError, match="no such run folder"):
        find_views(tmp_path / "none")
    with pytest.raises(ConfigError, match="not a run folder"):
        find_views(tmp_path)


def test_the_funnel_counts_what_the_tables_hold(run: Path) -> None:
    """Receipts and tables agree on every stage."""
    counts = {count.stage: count for count in funnel(run)}
    with open_run(run) as (connection, _):
        for stage in ("github.rules", "github.dedup", "web.dedup"):
            rows = connection.execute(
                f"select reason, count(*) from {stage} where keep is not null group by all"
            ).fetchall()
            expected = {reason: n for reason, n in rows if reason is not None}
            assert counts[stage].reasons == expected
            assert counts[stage].documents == sum(n for _, n in rows)
            assert counts[stage].kept == counts[stage].documents - sum(expected.values())
    assert counts["github.rules"].reasons["average_line_length"] > 0
    assert counts["github.documents"].documents == counts["github.language"].documents


def test_stage_statistics_break_down_by_language(run: Path) -> None:
    """The groups add up to the stage's documents."""
    found = stage_statistics(run, "github.rules")
    assert sum(group["documents"] for group in found["language"]) == found["counts"].documents
    assert "Python" in {group["value"] for group in found["language"]}
    histogram = found["histograms"]["max_line_length"]
    assert len(histogram["counts"]) == len(histogram["edges"]) + 1
    assert sum(histogram["counts"]) == found["counts"].documents


@pytest.mark.parametrize("name", ["github.rules.decide", "github.rules.measure", "shards.code"])
def test_parts_of_stages_have_statistics_too(run: Path, name: str) -> None:
    """`.measure` and `.decide` may be appended, as for `run`."""
    assert stage_statistics(run, name)["stage"].startswith(name.removesuffix(".decide"))


def test_grouping_by_any_column_agrees_with_sql(run: Path) -> None:
    """A column of another table of the corpus joins by (shard, row)."""
    groups = {group["kind"]: group for group in grouped(run, "github.rules", "kind")}
    rows = answer(
        run,
        "select kind, count(*) as n, count(*) filter (keep) as kept, sum(n_bytes)::bigint as size "
        "from github.rules join github.documents using (shard, row) "
        "where keep is not null group by all",
    )
    assert {row["kind"] for row in rows} == set(groups)
    for row in rows:
        group = groups[row["kind"]]
        assert (row["n"], row["kept"], row["size"]) == (
            group["documents"],
            group["kept"],
            group["bytes"],
        )


def test_grouping_by_a_measure_uses_its_bins(run: Path) -> None:
    """A column with histogram edges falls into bins, named by their lower edge."""
    groups = grouped(run, "github.rules", "n_lines")
    lengths = [row["n_lines"] for row in answer(run, "select n_lines from github.rules")]
    expected = Counter(float(1 << (n.bit_length() - 1)) if n else None for n in lengths)
    assert {group["n_lines"]: group["documents"] for group in groups} == dict(expected)


def test_shards_group_by_their_own_columns(run: Path) -> None:
    """A training sample counts by tokens."""
    groups = grouped(run, "shards.code", "split")
    assert sum(group["tokens"] for group in groups) == sum(
        row["n_tokens"] for row in answer(run, "select n_tokens from shards.code")
    )


def test_an_unknown_stage_or_column_is_told_what_there_is(run: Path) -> None:
    """The message lists what could have been meant."""
    with pytest.raises(ConfigError, match=r"github\.rules"):
        stage_statistics(run, "github.rulez")
    with pytest.raises(ConfigError, match=r"no such column.*n_lines"):
        grouped(run, "github.rules", "n_line")


def test_losing_nearly_everything_is_flagged() -> None:
    """More than 90 % of at least 20 documents."""
    assert is_flagged(100, 9)
    assert not is_flagged(100, 10)
    assert not is_flagged(FLAGGED_DOCUMENTS - 1, 0)


def test_a_dropped_document_tells_which_stage_dropped_it(run: Path) -> None:
    """The verdict and the measure that led to it stand together."""
    (life,) = lives(run, LONG)
    assert life.fate == "dropped by github.rules: average_line_length"
    rules = next(stage for stage in life.stages if stage.table == "github.rules")
    assert rules.measures["max_line_length"] == 1206
    dedup = next(stage for stage in life.stages if stage.table == "github.dedup")
    assert dedup.keep is None
    assert life.samples == []
    assert life.text.startswith("x = '")


def test_a_duplicate_shows_its_twin(run: Path) -> None:
    """The twin is named with its similarity, and knows who repeats it."""
    copies = [life for life in lives(run, COPY) if life.twin] or lives(
        run,
        COPY.replace("someone/json-copy@" + "1" * 40, "python/json@" + "0" * 40 + ":json").replace(
            ":json:", ":json/"
        ),
    )
    (life,) = copies
    assert life.twin is not None
    assert life.fate == "dropped by github.dedup: exact"
    assert life.twin.similarity == 1.0
    assert life.twin.text == life.text
    (twin,) = lives(run, life.twin.doc_id)
    assert life.documents["uri"] in [other["uri"] for other in twin.repeats]


def test_a_kept_document_is_found_in_the_shards(run: Path) -> None:
    """`start` and `n_tokens` say where its tokens are."""
    uri = "python/logging@" + "0" * 40 + ":logging/handlers.py"
    (life,) = lives(run, uri)
    (sample,) = life.samples
    assert life.fate == "kept, in code"
    (row,) = answer(
        run,
        f"select p.start as start, p.n_tokens as n from (select unnest(parts) as p "
        f"from shards.code) where p.uri = '{uri}'",
    )
    assert (sample["start"], sample["n_tokens"]) == (row["start"], row["n"])


def test_a_document_is_found_by_id_uri_and_url(run: Path) -> None:
    """A page's URL may be written as it was crawled; every capture is shown."""
    assert [life.documents["uri"] for life in lives(run, doc_id(LONG).hex())] == [LONG]
    url = "https://host1.example.com/page/0/1"
    assert len(lives(run, f"{url}?utm_source=x")) == len(lives(run, url)) == 1
    captures = lives(run, "http://www.example.org/same")
    assert len(captures) == 3
    assert sum(life.fate.startswith("kept") for life in captures) == 1


def test_a_document_that_is_not_there_is_told_the_nearest(run: Path) -> None:
    """Suggestions are uris that exist."""
    with pytest.raises(InputError, match=r"nearest:\n  python/json@0+:long\.py"):
        lives(run, LONG.replace("long", "lang"))
    with pytest.raises(InputError, match="no document"):
        lives(run, "0" * 32)


def test_sql_prints_json_csv_and_tables(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All three say the same."""
    statement = (
        "select doc_id, uri, n_bytes, repo_created_at from github.documents order by uri limit 2"
    )
    code, out, _ = sluice(monkeypatch, capsys, "sql", str(run), statement, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len(rows) == 2
    assert rows[0]["doc_id"] == doc_id(rows[0]["uri"]).hex()
    code, out, _ = sluice(monkeypatch, capsys, "sql", str(run), statement, "--csv")
    read = list(csv.DictReader(io.StringIO(out)))
    assert [row["uri"] for row in read] == [row["uri"] for row in rows]
    code, out, _ = sluice(monkeypatch, capsys, "sql", str(run), statement)
    assert code == 0
    assert rows[0]["doc_id"] in out
    numbers = "select 'nan'::double as a, ['inf'::float, 1] as b, {'c': '-inf'::double} as d"
    code, out, _ = sluice(monkeypatch, capsys, "sql", str(run), numbers, "--json")
    assert json.loads(out, parse_constant=pytest.fail) == {
        "a": None,
        "b": [None, 1.0],
        "d": {"c": None},
    }
    code, _, err = sluice(monkeypatch, capsys, "sql", str(run), "drop view github.rules")
    assert code == 2
    assert err.startswith("sluice: ")


def test_stats_and_show_print_for_people_and_programs(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands answer without a terminal, too."""
    code, out, _ = sluice(monkeypatch, capsys, "stats", str(run))
    assert code == 0
    assert "github.rules" in out
    assert "average_line_length" in out
    code, out, _ = sluice(monkeypatch, capsys, "stats", str(run), "--json")
    assert {"github.rules", "web.dedup"} <= {row["stage"] for row in json.loads(out)}
    code, out, _ = sluice(monkeypatch, capsys, "stats", str(run), "github.rules")
    assert "Python" in out
    code, out, _ = sluice(monkeypatch, capsys, "stats", str(run), "github.rules", "--by", "kind")
    assert "markdown" in out
    code, out, _ = sluice(monkeypatch, capsys, "stats", str(run), "github.rules", "--json")
    assert json.loads(out)["counts"]["stage"] == "github.rules"
    code, out, _ = sluice(monkeypatch, capsys, "show", str(run), LONG)
    assert "dropped, average_line_length" in out
    code, out, _ = sluice(monkeypatch, capsys, "show", str(run), LONG, "--json")
    assert json.loads(out)[0]["fate"] == "dropped by github.rules: average_line_length"
    code, out, err = sluice(monkeypatch, capsys, "show", str(run), "nothing/like@this:x")
    assert (code, out) == (1, "")
    assert "nearest" in err


def test_show_compares_a_page_with_its_twin(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--diff prints a unified diff, or that the texts are the same."""
    near = answer(
        run, "select lower(hex(doc_id)) as id from web.dedup where reason = 'near' limit 1"
    )
    if near:
        _, out, _ = sluice(monkeypatch, capsys, "show", str(run), near[0]["id"], "--diff")
        assert "@@" in out
    exact = answer(run, "select lower(hex(doc_id)) as id from github.dedup where reason = 'exact'")
    _, out, _ = sluice(monkeypatch, capsys, "show", str(run), exact[0]["id"], "--diff")
    assert "same text" in out


def test_inspection_changes_nothing(run: Path) -> None:
    """A run is the same after it was looked at."""

    def state() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}

    before = state()
    funnel(run)
    lives(run, LONG)
    answer(run, "select count(*) from github.documents")
    assert state() == before
    assert not Path(".tmp").exists()
    assert duckdb.default_connection is not None
