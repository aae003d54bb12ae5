"""Which repositories are wanted, from archives, git and tables alike."""

import datetime

import pytest

from stages.errors import ConfigError
from stages.github.options import GithubOptions
from stages.github.selection import Selection
from tests.stages.github.conftest import gather
from tests.stages.github.tables import dumps
from tests.stages.github.tables.dumps import parquet, table


def reasons(rows, **options):
    return gather(table(parquet(rows)), **options).skipped


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"exclude_owners": ("ADA",)}, "owner"),
        ({"include_owners": ("b*",)}, "owner"),
        ({"include_owners": ("a*",)}, None),
        ({"exclude_repositories": ("ada/eng*",)}, "repository"),
        ({"include_repositories": ("ada/other",)}, "repository"),
        ({"exclude_licenses": ("mit",)}, "license"),
        ({"include_licenses": ("Apache-2.0", "unknown")}, "license"),
        ({"include_licenses": ("MIT",)}, None),
        ({"created_before": "2015-03-01"}, "created_late"),
        ({"created_before": "2015-03-02"}, None),
    ],
)
def test_a_row_that_is_not_wanted(options, reason):
    """It is skipped with the reason, before its contents are read."""
    assert reasons(dumps.STACK_V2, **options) == ({reason: 1} if reason else {})


@pytest.mark.parametrize(("unknown", "n_skipped"), [("keep", 0), ("drop", 1)])
def test_rows_without_a_date(unknown, n_skipped):
    """`unknown` decides, once a date is asked for."""
    found = reasons(dumps.STACK_V1, created_before="2023-11-01", unknown=unknown)
    assert found == ({"created_unknown": 1} if n_skipped else {})


def test_the_files_of_a_repository_are_counted_one_by_one():
    """A row that is a repository skips as many records as it has files."""
    found = reasons(dumps.STACK_V3, exclude_owners=("ada", "eve"))
    assert found == {"owner": 4}


@pytest.mark.parametrize(
    "line", ["ada", "Ada/Engine", "https://github.com/ada/engine.git", "  ada/  # asked on Monday"]
)
def test_who_opted_out(tmp_path, line):
    """An owner or OWNER/REPO a line, with remarks, as an address too, in any case."""
    path = tmp_path / "out.txt"
    path.write_text(f"# opted out\n\nsomeone/else\n{line}\n")
    assert reasons(dumps.STACK_V1, opt_out=(str(path),)) == {"opt_out": 1}


def test_a_list_that_cannot_be_used(tmp_path):
    """A line that is no name, and a list that is not there, are the user's to mend."""
    path = tmp_path / "out.txt"
    path.write_text("ada\nada engine\n")
    with pytest.raises(ConfigError, match=r"out.txt', line 2: 'ada engine' is no owner"):
        Selection(GithubOptions(opt_out=(str(path),))).refuses("a/b")
    with pytest.raises(ConfigError, match="cannot be read"):
        Selection(GithubOptions(opt_out=(str(tmp_path / "none"),))).resources()


def test_a_repository_that_is_not_wanted_is_not_opened(read_bytes):
    """Where name or metadata tell, an archive's bytes are not looked at."""
    outcome = read_bytes("ada__engine.tar.gz", b"no archive", exclude_owners=("ada",))
    assert (outcome.skipped, outcome.quarantined) == ({"owner": 1}, [])
    late = {"created_at": "2023-11-01T00:00:00Z"}
    outcome = read_bytes("a.tar", b"", metadata=late, created_before="2023-11-01")
    assert outcome.skipped == {"created_late": 1}


@pytest.mark.parametrize(
    ("expression", "include", "exclude", "is_wanted"),
    [
        ("MIT OR GPL-2.0", ("MIT",), (), True),
        ("MIT AND GPL-2.0", ("MIT",), (), False),
        ("MIT OR GPL-2.0", (), ("GPL-*",), True),
        ("MIT AND GPL-2.0", (), ("GPL-*",), False),
        ("(MIT OR Apache-2.0)", ("mit", "apache-2.0"), (), True),
        (None, ("MIT",), (), False),
        (None, ("MIT", "unknown"), (), True),
        (None, (), ("unknown",), False),
    ],
)
def test_licences_that_are_expressions(expression, include, exclude, is_wanted):
    """`OR` leaves the choice, `AND` does not."""
    options = GithubOptions(include_licenses=include, exclude_licenses=exclude)
    reason = Selection(options).refuses_license(expression)
    assert (reason is None) == is_wanted


def test_the_day_itself_is_late():
    """Created before means before."""
    selection = Selection(GithubOptions(created_before=datetime.date(2023, 11, 1)))
    midnight = datetime.datetime(2023, 11, 1, tzinfo=datetime.UTC)
    assert selection.refuses_creation(midnight) == "created_late"
    assert selection.refuses_creation(midnight - datetime.timedelta(microseconds=1)) is None
