"""SPDX expressions, their classes, and what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.licenses import is_allowed, joined, license_class, license_names, one, read_expression


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mit", "MIT"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("mit or apache-2.0 and isc", "MIT OR (Apache-2.0 AND ISC)"),
        ("(MIT OR ISC) AND MIT", "(MIT OR ISC) AND MIT"),
        ("gpl-2.0+ with Classpath-exception-2.0", "GPL-2.0+ WITH Classpath-exception-2.0"),
        ("MIT OR MIT", "MIT"),
        ("MIT OR", None),
        ("(MIT", None),
        ("MIT ISC", None),
        ("AND", None),
        ("", None),
        ("(" * 500 + "MIT", None),
    ],
)
def test_expressions(text: str, expected: str | None) -> None:
    """SPDX's grammar, in any spelling; everything else is none."""
    found = read_expression(text)
    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", "permissive"),
        ("LGPL-3.0-or-later", "copyleft"),
        ("GPL-2.0 WITH Classpath-exception-2.0", "copyleft"),
        ("JSON", "non-free"),
        ("BUSL-1.1", "non-free"),
        ("MIT OR GPL-3.0", "permissive"),
        ("MIT AND GPL-3.0", "copyleft"),
        ("MIT AND LicenseRef-Commons-Clause", "non-free"),
        ("MIT AND LicenseRef-Other-Terms", "none"),
        ("LicenseRef-Acme OR MIT", "permissive"),
        ("LicenseRef-Acme AND JSON", "non-free"),
        ("no licence, really!", "none"),
        (None, "none"),
    ],
)
def test_classes(expression: str | None, expected: str) -> None:
    """The better part of a choice, the worse of what binds together; the unknown is no licence."""
    assert license_class(expression) == expected


@pytest.mark.parametrize(
    ("expression", "allowed", "expected"),
    [
        ("MIT OR GPL-3.0", {"permissive"}, True),
        ("MIT AND GPL-3.0", {"permissive"}, False),
        ("MIT AND GPL-3.0", {"permissive", "gpl-3.0"}, True),
        ("MIT AND LicenseRef-Other-Terms", {"permissive"}, False),
        (None, {"permissive"}, False),
        (None, {"none"}, True),
        ("JSON", {"json"}, True),
    ],
)
def test_what_is_allowed(expression: str | None, allowed: set[str], expected: bool) -> None:
    """Classes and names suffice together."""
    assert is_allowed(expression, frozenset(allowed)) is expected


NAMES = st.sampled_from(sorted(license_names().values())).map(one)


@given(
    st.recursive(
        NAMES,
        lambda inner: st.builds(
            joined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=1, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_what_is_written_is_read(expression) -> None:
    """An expression and its text are one."""
    assert str(read_expression(str(expression))) == str(expression)
