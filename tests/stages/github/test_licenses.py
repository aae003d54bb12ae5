"""Licences recognised from texts and names."""

import tomllib
from importlib.resources import files

import pytest

from stages.github.licenses import (
    canonical_license,
    classified_license,
    is_license_file,
    license_table,
    match_files,
    match_license,
)

MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of\nthis"
    ' software and associated documentation files (the "Software") ... The above copyright'
    " notice and this\npermission notice shall be included in all copies or substantial portions"
)
APACHE = "Apache License\n     Version 2.0, January 2004\n  http://www.apache.org/licenses/"

KNOWN = {
    "DaveGamble/cJSON": "MIT",
    "HarisIqbal88/PlotNeuralNet": "MIT",
    "YosysHQ/picorv32": "ISC",
    "bats-core/bats-core": "MIT",
    "chardet/chardet": "LGPL-2.1",
    "commandlineparser/commandline": "MIT",
    "deb/kakasi": "GPL-2.0",
    "dtolnay/anyhow": "Apache-2.0",
    "erusev/parsedown": "MIT",
    "google/gson": "Apache-2.0",
    "gorilla/mux": "BSD-3-Clause",
    "haskell/random": "BSD-3-Clause",
    "jakevdp/WhirlwindTourOfPython": "CC0-1.0",
    "jashkenas/underscore": "MIT",
    "mux-fork-example/mux": "BSD-3-Clause",
    "olahallengren/sql-server-maintenance-solution": "MIT",
    "p-ranav/argparse": "MIT",
    "pallets/markupsafe": "BSD-3-Clause",
    "sindresorhus/ky": "MIT",
    "skywind3000/mini3d": "MIT",
    "sstephenson/bats": "MIT",
    "tidyverse/glue": "MIT",
}


@pytest.mark.parametrize("row", license_table().licenses, ids=lambda row: row.spdx)
def test_every_row_matches_its_own_phrases(row):
    """Each alternative, wrapped and decorated, is recognised as its licence."""
    for phrases in row.alternatives:
        text = "\n\n  * ".join(phrase.upper().replace(" ", "\n", 3) for phrase in phrases)
        assert match_license(f"Copyright (c) 2020 Somebody\n{text}\n") == row.spdx


def test_classifiers_name_known_licences():
    """Every classifier of the table maps to an identifier the table knows."""
    data = tomllib.loads((files("seeds") / "licenses.toml").read_text("utf-8"))
    known = set(license_table().identifiers.values())
    assert set(data["classifiers"].values()) <= known


@pytest.mark.parametrize(
    ("text", "spdx"),
    [
        (MIT, "MIT"),
        (APACHE, "Apache-2.0"),
        (MIT + "\n\nBundled code:\n" + APACHE, "MIT"),
        (APACHE + "\n\nBundled code:\n" + MIT, "Apache-2.0"),
        ("SPDX-License-Identifier: apache-2.0\n", "Apache-2.0"),
        ("YEAR: 2024\nCOPYRIGHT HOLDER: glue authors\n", None),
        ("All rights reserved.", None),
        ("", None),
    ],
)
def test_the_first_licence_of_a_text_counts(text, spdx):
    """Bundled licences follow the project's own; what is no licence gives none."""
    assert match_license(text) == spdx


def test_files_are_tried_in_order():
    """LICENSE, then LICENSE-*, then COPYING; unrecognised files are passed over."""
    texts = {"COPYING": APACHE.encode(), "LICENSE": b"stub", "LICENSE-MIT": MIT.encode()}
    assert match_files(texts) == "MIT"
    assert match_files({}) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LICENSE", True),
        ("License.md", True),
        ("license", True),
        ("COPYING.LESSER", True),
        ("UNLICENSE", True),
        ("LICENSE-APACHE", True),
        ("MIT-LICENSE.txt", True),
        ("licenses.py", True),
        ("relicense.c", False),
        ("copyingmachine.c", False),
    ],
)
def test_names_of_licence_files(name, expected):
    """By the names in use; a wrong guess is harmless, its text will not match."""
    assert is_license_file(name) is expected


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("mit", "MIT"),
        ("NOASSERTION", None),
        ("other", None),
        (None, None),
        (" ", None),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
    ],
)
def test_named_licences_are_put_in_spdx_spelling(name, spdx):
    """Metadata's ways of saying nothing are null; expressions stay."""
    assert canonical_license(name) == spdx


def test_contradicting_classifiers_name_none():
    """Two licences by classifier leave the decision to the text."""
    mit = "License :: OSI Approved :: MIT License"
    isc = "License :: OSI Approved :: ISC License (ISCL)"
    assert classified_license([mit, "Programming Language :: C"]) == "MIT"
    assert classified_license([mit, isc]) is None


def test_real_repositories_have_their_licence(real_archives, read_bytes):
    """All 22 repositories of the test data, read as a user would."""
    for path in real_archives:
        repo = path.name.removesuffix(".tar.gz").replace("__", "/")
        got = read_bytes(path.name, path.read_bytes())
        assert {row["license"] for row in got.rows} == {KNOWN[repo]}, repo
        assert not got.quarantined
        assert "unsafe_path" not in got.skipped
