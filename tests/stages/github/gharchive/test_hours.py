"""Hours by name, and those that are not there."""

import datetime

import pytest

from stages.github.gharchive.hours import absent_hours, hour_name, hour_of, missing_hours


def hour(text):
    return hour_of(f"{text}.json.gz")


@pytest.mark.parametrize(
    "name", ["2024-01-31-7.json.gz", "2011-02-12-0.json", "2020-12-09-23.json.zst"]
)
def test_names_of_hours(name):
    """The hour has no leading zero."""
    found = hour_of(name)
    assert found is not None
    assert name.startswith(f"{hour_name(found)}.json")


@pytest.mark.parametrize(
    "name",
    [
        "2024-01-31-24.json.gz",
        "2024-02-30-1.json.gz",
        "2024-01-31-07.json.gz",
        "2024-01-31.json.gz",
        "events.json.gz",
        "2024-01-31-7.tar.gz",
    ],
)
def test_other_names(name):
    """They are no hours."""
    assert hour_of(name) is None


def test_hours_that_never_were():
    """As many as the gaps are long."""
    assert len(missing_hours()) == 1 + 3 + 2 + 22 + 1 + 10 + 55 + 54
    assert hour("2018-10-22-0") in missing_hours()
    assert hour("2018-10-22-2") not in missing_hours()


def test_absent_hours():
    """Those that the archive never had are told from the others."""
    never, absent = absent_hours([hour("2020-03-06-1"), hour("2020-03-05-21")])
    assert never == [hour("2020-03-05-22")]
    assert absent == [hour("2020-03-05-23"), hour("2020-03-06-0")]
    assert absent_hours([]) == ([], [])
    assert absent_hours([datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)]) == ([], [])
