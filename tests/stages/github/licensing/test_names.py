"""Licences as metadata names them."""

import pytest

from schemas.licenses import is_license
from stages.github.licensing.names import (
    canonical_license,
    classified_license,
    license_table,
    named_license,
)


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("mit", "MIT"),
        ("NOASSERTION", None),
        ("other", None),
        (None, None),
        (" ", None),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("My own license!", "My own license!"),
    ],
)
def test_named_licences_are_put_in_spdx_spelling(name: str | None, spdx: str | None) -> None:
    """Metadata's ways of saying nothing are null; what is unknown stays."""
    assert canonical_license(name) == spdx


def test_contradicting_classifiers_name_none() -> None:
    """Two licences by classifier leave the decision to the text."""
    mit = "License :: OSI Approved :: MIT License"
    isc = "License :: OSI Approved :: ISC License (ISCL)"
    assert classified_license([mit, "Programming Language :: C"]) == "MIT"
    assert classified_license([mit, isc]) is None


def test_every_row_of_the_table_is_known() -> None:
    """Classifiers and names lead to licences of a class; names are in normal form, each once."""
    table = license_table()
    assert all(is_license(name) for name in table["classifiers"].values())
    aliases = [(name, alias) for name, names in table["names"].items() for alias in names]
    assert len({alias for _, alias in aliases}) == len(aliases)
    for name, alias in aliases:
        assert is_license(name), name
        assert str(named_license(alias.upper())) in (name, alias.upper())
