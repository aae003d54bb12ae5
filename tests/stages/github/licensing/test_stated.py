"""Licences stated file by file: REUSE.toml, .reuse/dep5, FILE.license."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.github.licensing.repository import MAX_LICENSE_BYTES
from stages.github.licensing.stated import MAX_ANNOTATIONS, FileLicenses

TOML = """version = 1

[[annotations]]
path = "**"
SPDX-License-Identifier = "GPL-3.0-or-later"

[[annotations]]
path = ["data/*.csv", "img/**"]
precedence = "aggregate"
SPDX-FileCopyrightText = "2020 Jane"
SPDX-License-Identifier = ["CC0-1.0", "MIT OR Apache-2.0"]

[[annotations]]
path = "vendor/**"
precedence = "override"
SPDX-License-Identifier = "ISC"

[[annotations]]
path = "no-licence/**"
SPDX-FileCopyrightText = "2021 Jane"
"""
DEP5 = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: x

Files: *
Copyright: 2020 Jane
License: MIT

Files: po/*.p?
 doc/*
Copyright: 2020 Jane
License: CC-BY-SA-4.0 or GPL-2.0-only
 the text of it
"""


def noted(files: dict[str, str]) -> FileLicenses:
    licenses = FileLicenses()
    for path, text in files.items():
        if licenses.wants(path, len(text)):
            licenses.note(path, text.encode())
    return licenses


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.c", ("GPL-3.0-or-later", "closest")),
        ("data/a.csv", ("CC0-1.0 AND (MIT OR Apache-2.0)", "aggregate")),
        ("data/deep/a.csv", ("GPL-3.0-or-later", "closest")),
        ("img/deep/a.svg", ("CC0-1.0 AND (MIT OR Apache-2.0)", "aggregate")),
        ("vendor/x/y.c", ("ISC", "override")),
        ("sub/a.c", ("BSD-2-Clause", "closest")),
        ("sub/b.c", ("GPL-3.0-or-later", "closest")),
        ("sub/both.c", ("GPL-3.0-or-later AND MIT", "aggregate")),
        ("vendor/own.c", ("ISC", "override")),
        ("logo.svg", ("CC-BY-4.0", "override")),
        ("data/x.csv", ("MIT AND CC0-1.0 AND (MIT OR Apache-2.0)", "override")),
    ],
)
def test_the_last_annotation_of_the_nearest_table_counts(path, expected):
    """But for `override`, where the uppermost does, and `aggregate`, where all do."""
    sub = '[[annotations]]\npath = "{}"\nSPDX-License-Identifier = "{}"\nprecedence = "{}"\n'
    licenses = noted(
        {
            "REUSE.toml": TOML,
            "sub/REUSE.toml": sub.format("a.c", "BSD-2-Clause", "closest")
            + sub.format("both.c", "MIT", "aggregate"),
            "vendor/REUSE.toml": sub.format("own.c", "MIT", "override"),
            "logo.svg.license": "SPDX-License-Identifier: CC-BY-4.0\n",
            "data/x.csv.license": "SPDX-License-Identifier: MIT\n",
            "notes.license": "bought in 2019, key 123",
        }
    )
    assert licenses.of(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/a/b.c", "MIT"),
        ("po/deep/de.po", "CC-BY-SA-4.0 OR GPL-2.0-only"),
        ("po/de.mo", "MIT"),
        ("doc/a/b", "CC-BY-SA-4.0 OR GPL-2.0-only"),
    ],
)
def test_debians_copyright_file(path, expected):
    """A star crosses slashes, a question mark is one character, both licences bind."""
    licenses = noted({"top/.reuse/dep5": DEP5})
    assert licenses.of(f"top/{path}") == (expected, "aggregate")
    assert licenses.of(path) is None


@pytest.mark.parametrize(
    "text",
    [
        "annotations = 3",
        "[[annotations]]\npath = 3\nSPDX-License-Identifier = 'MIT'",
        "[[annotations]]\npath = '**'\nSPDX-License-Identifier = 'no licence I know'",
        "[[annotations]]\npath = '**'\nprecedence = 'none'\nSPDX-License-Identifier = 'MIT'",
        "[" * 100_000,
        "\x00\xff",
    ],
)
def test_a_table_that_says_nothing(text):
    """What cannot be read is passed over."""
    assert noted({"REUSE.toml": text}).of("a.c") is None


def test_annotations_are_bounded():
    """A hostile table neither fills memory nor takes long for a path."""
    one = '[[annotations]]\npath = "{}"\nSPDX-License-Identifier = "MIT"\n'
    many = noted({f"{n}/REUSE.toml": one.format("**a*a*a" * 60 + "b") * 300 for n in range(9)})
    begin = time.process_time()
    assert many.of("0/" + "a" * 500) is None
    assert many.of("0/" + "a" * 5000 + "b") is None
    assert time.process_time() - begin < 30
    kept = noted({"REUSE.toml": one.format("x") * MAX_ANNOTATIONS + one.format("y")})
    assert kept.of("x") is not None
    assert kept.of("y") is None


PIECES = st.sampled_from(["a", "b", "/", "*", "**", "\\*", "."])


@given(st.lists(PIECES, min_size=1, max_size=7).map("".join), st.text("ab/*.", max_size=9))
@settings(max_examples=300, derandomize=True)
def test_patterns_match_as_their_plain_expressions_do(pattern, path):
    """Wildcards that give nothing up match what wildcards that try everything do."""
    table = f"[[annotations]]\npath = '{pattern}'\nSPDX-License-Identifier = 'MIT'\n"
    plain = ""
    for piece in re.split(r"(\\.|\*\*+|\*)", pattern):
        several = ".*" if len(piece) > 1 else "[^/]*"
        plain += several if piece.startswith("*") else re.escape(piece.removeprefix("\\"))
    found = noted({"REUSE.toml": table}).of(path)
    assert (found is not None) == (re.fullmatch(plain, path) is not None)


def test_a_folders_licence():
    """Of the nearest folder, not of the root; texts beyond the limit are taken for unknown."""
    text = "GNU General Public License version 3"
    licenses = noted(
        {
            "top/LICENSE": "MIT",
            "top/a/COPYING": text,
            "top/a/license.py": "MIT",
            "top/a/b/LICENSE.md": "MIT",
            "top/a/b/LICENSE-THIRD-PARTY": text,
            **{f"top/large/{n}/LICENSE": text + " " * (MAX_LICENSE_BYTES - 99) for n in range(99)},
        }
    )
    assert licenses.of("top/x.c", "top") is None
    assert licenses.of("top/x/y.c", "top") is None
    assert licenses.of("top/x.c") == ("MIT", "closest")
    assert licenses.of("top/a/x/y.c", "top") == ("GPL-3.0", "closest")
    assert licenses.of("top/a/b/x.c", "top") == ("MIT", "closest")
    assert licenses.of("top/large/0/x.c", "top") == ("GPL-3.0", "closest")
    assert licenses.of("top/large/98/x.c", "top") == (None, "closest")
