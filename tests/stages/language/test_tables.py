"""The language tables hold together, row by row."""

import tracemalloc
from collections import Counter, defaultdict

import pytest

from stages.kernels.languages.model import SAME_CONTENT
from stages.language.content import content_rules, modeline_names
from stages.language.names import NOTHING, NameMatcher, name_tables, read_table

SUPPORTED = read_table("languages.tsv")
OTHER = read_table("languages_other.tsv")
ROWS = [*SUPPORTED, *OTHER]
NAMES = {row["name"] for row in ROWS}


def test_there_are_338_supported_names() -> None:
    """The supported names are 338, each once, and none is also listed as other."""
    assert len({row["name"] for row in SUPPORTED}) == len(SUPPORTED) == 338
    assert len(NAMES) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_row_is_well_formed(row: dict[str, str]) -> None:
    """Extensions start with a dot, nothing repeats inside a row, and no name is padded."""
    assert row["name"] == row["name"].strip() != ""
    for column in ("extensions", "filenames", "interpreters"):
        values = row[column].split()
        assert len(values) == len(set(values))
        assert " ".join(values) == row[column]
    assert all(value.startswith(".") and len(value) > 1 for value in row["extensions"].split())
    assert not any("/" in value for value in row["filenames"].split())


def test_names_and_interpreters_have_one_owner() -> None:
    """A file name or interpreter means one language."""
    for column in ("filenames", "interpreters"):
        owners = Counter(value for row in ROWS for value in row[column].split())
        assert [value for value, count in owners.items() if count > 1] == []


def test_every_shared_extension_is_ordered() -> None:
    """An extension of several languages is in extensions.tsv with just those languages."""
    owners = defaultdict(set)
    for row in ROWS:
        for extension in row["extensions"].split():
            owners[extension].add(row["name"])
    ordered = {
        row["extension"]: row["languages"].split("; ") for row in read_table("extensions.tsv")
    }
    assert {extension for extension, names in owners.items() if len(names) > 1} <= set(ordered)
    for extension, languages in ordered.items():
        assert len(languages) == len(set(languages)) > 1
        assert set(languages) - {NOTHING} == owners[extension], extension


def test_heuristics_name_known_languages() -> None:
    """A rule or modeline names a language of the tables, one its extension may stand for."""
    tables = name_tables()
    for extension, rules in content_rules().items():
        named = {rule.language for rule in rules} - {NOTHING}
        assert named <= NAMES
        if extension:
            assert named <= set(tables.by_extension[extension]), extension
    assert {name for named in modeline_names().values() for name in named} <= NAMES


@pytest.mark.parametrize(
    ("left", "right"),
    [("Bro", "Zeek"), ("Docker", "Dockerfile"), ("Jade", "Pug"), ("HTML ERB", "RHTML"), ("R", "S")],
)
def test_identical_pairs_point_at_each_other(left: str, right: str) -> None:
    """Two names of one content are marked in both rows, and only those five pairs are."""
    twins = {row["name"]: row["same_content_as"] for row in SUPPORTED if row["same_content_as"]}
    assert twins[left] == right
    assert twins[right] == left
    assert len(twins) == 10
    assert (SAME_CONTENT.get(left) == right) != (SAME_CONTENT.get(right) == left)


@pytest.mark.parametrize(
    ("extension", "language"),
    [
        (".bro", "Bro"),
        (".zeek", "Zeek"),
        (".docker", "Docker"),
        (".dockerfile", "Dockerfile"),
        (".jade", "Jade"),
        (".pug", "Pug"),
        (".erb", "HTML ERB"),
        (".rhtml", "RHTML"),
        (".R", "R"),
        (".r", "R"),
        (".ssc", "S"),
        (".C", "C++"),
        (".c", "C"),
        (".d", "D"),
        (".py", "Python"),
    ],
)
def test_extension_picks_the_name(extension: str, language: str) -> None:
    """Where contents are alike, and where case matters, the extension decides."""
    assert name_tables().by_extension[extension][0] == language


def test_names_of_megabytes_are_not_remembered() -> None:
    """A path may be as long as an archive likes; what is kept of it may not."""
    matcher = NameMatcher()
    tracemalloc.start()
    for index in range(50):
        assert matcher.match(f"{'x' * 1_000_000}{index}.py").candidates == ("Python",)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 5_000_000
