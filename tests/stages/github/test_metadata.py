"""Rows of `github.metadata`."""

import datetime
import json

import pytest

from stages.github.metadata import Metadata, WrongField

MOMENT = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, Metadata()),
        ({"repo": None, "stars": float("nan"), "created_at": "NaT", "license": " "}, Metadata()),
        ({"repo": " a/b ", "other": [1]}, Metadata(repo="a/b")),
        ({"revision": 20240101}, Metadata(revision="20240101")),
        ({"stars": 7}, Metadata(stars=7)),
        ({"stars": 7.0}, Metadata(stars=7)),
        ({"stars": "7"}, Metadata(stars=7)),
        ({"stars": "7e2"}, Metadata(stars=700)),
        ({"stars": 0}, Metadata(stars=0)),
        ({"stars": 2**63 - 1}, Metadata(stars=2**63 - 1)),
        ({"created_at": "2020-01-02T03:04:05Z"}, Metadata(created_at=MOMENT)),
        ({"created_at": "2020-01-02T05:04:05+02:00"}, Metadata(created_at=MOMENT)),
        ({"created_at": MOMENT}, Metadata(created_at=MOMENT)),
        ({"created_at": MOMENT.replace(tzinfo=None)}, Metadata(created_at=MOMENT)),
        (
            {"created_at": datetime.date(2020, 1, 2)},
            Metadata(created_at=MOMENT.replace(hour=0, minute=0, second=0)),
        ),
    ],
)
def test_what_a_row_says(row, expected):
    """Text, counts and moments in the forms that tables have; what is known reads back."""
    got = Metadata.of(row)
    assert got == expected
    assert Metadata.of(json.loads(json.dumps(got.values()))) == expected


@pytest.mark.parametrize(
    "row",
    [
        {"repo": "noslash"},
        {"repo": "a/b/c"},
        {"repo": ["a/b"]},
        {"repo": "a/" + "b" * 300},
        {"repo": "a/\ud800"},
        {"revision": {"x": 1}},
        {"revision": "x" * 257},
        {"revision": "a\nb"},
        {"revision": "a\0b"},
        {"revision": "\ud800"},
        {"revision": True},
        {"license": ["MIT"]},
        {"license": "x" * 100_000},
        {"stars": "many"},
        {"stars": [7]},
        {"stars": -1},
        {"stars": 7.5},
        {"stars": True},
        {"stars": 2**63},
        {"stars": 1e300},
        {"stars": float("inf")},
        {"stars": "9" * 5000},
        {"created_at": "once"},
        {"created_at": "0001-01-01T00:00:00+23:00"},
        {"created_at": "9999-12-31T23:59:59-23:00"},
        {"created_at": "10000-01-01"},
        {"created_at": 1e300},
        {"created_at": ["2020-01-01"]},
    ],
)
def test_a_wrong_field_is_named_with_its_value(row):
    """In a sentence of a line, however long the value."""
    ((field, value),) = row.items()
    with pytest.raises(WrongField, match=rf"^{field} = .*; expected ") as caught:
        Metadata.of(row)
    assert repr(value)[:40] in str(caught.value)
    assert len(str(caught.value)) < 300
