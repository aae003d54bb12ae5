"""`sluice stats` over a real run, and that looking changes nothing."""

import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from pipeline.inspection.grouping import grouped
from pipeline.inspection.life import lives
from pipeline.inspection.stats import (
    FLAGGED_DOCUMENTS,
    funnel,
    is_flagged,
    stage_statistics,
)
from pipeline.inspection.views import open_run
from stages.errors import ConfigError
from tests.pipeline.conftest import Sluice
from tests.pipeline.inspection.conftest import LONG, answer


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


def test_stats_and_show_print_for_people_and_programs(run: Path, sluice: Sluice) -> None:
    """The commands answer without a terminal, too."""
    code, out, _ = sluice("stats", str(run))
    assert code == 0
    assert "github.rules" in out
    assert "average_line_length" in out
    code, out, _ = sluice("stats", str(run), "--json")
    assert {"github.rules", "web.dedup"} <= {row["stage"] for row in json.loads(out)}
    code, out, _ = sluice("stats", str(run), "github.rules")
    assert "Python" in out
    code, out, _ = sluice("stats", str(run), "github.rules", "--by", "kind")
    assert "markdown" in out
    code, out, _ = sluice("stats", str(run), "github.rules", "--json")
    assert json.loads(out)["counts"]["stage"] == "github.rules"
    code, out, _ = sluice("show", str(run), LONG)
    assert "dropped, average_line_length" in out
    code, out, _ = sluice("show", str(run), LONG, "--json")
    assert json.loads(out)[0]["fate"] == "dropped by github.rules: average_line_length"
    code, out, err = sluice("show", str(run), "nothing/like@this:x")
    assert (code, out) == (1, "")
    assert "nearest" in err


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
