"""A repository's licence from the files at its root, and a file's from its tag."""

import pytest

from stages.github.licensing.names import tagged_license
from stages.github.licensing.repository import is_license_file, is_of_interest, repository_license
from tests.stages.github.archives.test_survey import make_tar, make_zip
from tests.stages.github.git.test_tree import git
from tests.stages.github.licensing.test_texts import APACHE_NOTICE, ISC, MIT

KNOWN = {
    "DaveGamble/cJSON": "MIT",
    "HarisIqbal88/PlotNeuralNet": "MIT",
    "YosysHQ/picorv32": "ISC",
    "bats-core/bats-core": "MIT",
    "chardet/chardet": "LGPL-2.1",
    "commandlineparser/commandline": "MIT",
    "deb/kakasi": "GPL-2.0",
    "dtolnay/anyhow": "MIT OR Apache-2.0",
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

README = "# X\n\nText.\n\n## License\n\n{}\n\n## Authors\n\nGPLv3 is not meant.\n"


EITHER = "Under either of LICENSE.MIT or LICENSE.ISC."
BOTH = "License\n=======\nThe MIT license and the ISC license, both.\n"
POM = "<licenses><license><name>Apache License, Version 2.0</name></license></licenses>"


@pytest.mark.parametrize(
    ("expected", "files"),
    [
        ("ISC OR MIT", {"LICENSE-MIT": MIT, "LICENSE-ISC": ISC}),
        ("MIT AND ISC", {"LICENSE": MIT, "COPYING": ISC}),
        ("ISC AND MIT", {"LICENSE-MIT": MIT, "LICENSE-ISC": ISC, "README": BOTH}),
        ("MIT OR ISC", {"LICENSE": EITHER, "LICENSE.MIT": MIT, "LICENSE.ISC": ISC}),
        ("MIT", {"LICENSE": MIT, "LICENSE-THIRD-PARTY": ISC, "LICENSE-docs": ISC}),
        ("MIT OR ISC", {"LICENSE": MIT, "Cargo.toml": '[package]\nlicense = "MIT/ISC"'}),
        ("ISC AND MIT", {"LICENSES/MIT.txt": MIT, "LICENSES/ISC.txt": ISC}),
        ("MIT OR GPL-3.0+", {"package.json": '{"license": "(MIT OR GPL-3.0+)"}'}),
        (None, {"package.json": '{"license": "SEE LICENSE IN X"}'}),
        ("LicenseRef-Proprietary", {"package.json": '{"license": "UNLICENSED"}'}),
        (None, {"package.json": "[" * 100_000}),
        ("BSD-3-Clause", {"pyproject.toml": '[project]\nlicense = {text = "BSD-3-Clause"}'}),
        ("MIT OR GPL-2.0", {"composer.json": '{"license": ["MIT", "GPL-2.0"]}'}),
        ("MIT", {"x.gemspec": "Gem::Specification.new do |s|\n  s.license = 'MIT'\nend"}),
        ("BSD-3-Clause", {"x.cabal": "name: x\nlicense:             BSD3\n"}),
        ("ISC", {"x.opam": 'license: "ISC"'}),
        ("GPL-2.0-or-later", {"DESCRIPTION": "License: GPL (>= 2) | file LICENSE\n"}),
        ("MIT", {"DESCRIPTION": "License: MIT + file LICENSE\n", "LICENSE": "YEAR: 2020\n"}),
        ("Apache-2.0", {"pom.xml": f"<project>{POM}</project>"}),
        ("MIT", {"setup.py": "setup(name='x',\n  license='MIT',\n)"}),
        ("MIT", {"README.md": README.format("MIT")}),
        ("Apache-2.0", {"README.rst": README.format("Apache License, Version 2.0")}),
        ("GPL-3.0", {"README.md": "Released under the GPLv3."}),
        (
            "MIT AND LicenseRef-Non-Commercial",
            {"README.md": README.format("Free for non-commercial use, else MIT.")},
        ),
        (None, {"README.md": "It parses MIT licence texts."}),
        (None, {}),
    ],
)
def test_files_say_it_together(expected: str | None, files: dict[str, str]) -> None:
    """Texts, metadata, a folder of texts and the README, in that order."""
    assert repository_license({path: text.encode() for path, text in files.items()}) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_texts_in_any_encoding(encoding: str) -> None:
    """A mark or none, wide or not."""
    assert repository_license({"LICENSE": MIT.encode(encoding)}) == "MIT"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("// SPDX-License-Identifier: MIT", "MIT"),
        ("/* SPDX-License-Identifier: GPL-2.0-only */", "GPL-2.0-only"),
        ("<!-- SPDX-License-Identifier: MIT -->", "MIT"),
        ("<!--SPDX-License-Identifier: MIT--><x/>", "MIT"),
        ("{# SPDX-License-Identifier: BSD-3-Clause #}", "BSD-3-Clause"),
        ("(* SPDX-License-Identifier: LGPL-3.0-or-later *)", "LGPL-3.0-or-later"),
        ('<svg license="SPDX-License-Identifier: CC0-1.0" width="1">', "CC0-1.0"),
        ('"SPDX-License-Identifier": "mit"', "MIT"),
        ("; (SPDX-License-Identifier: MIT)", "MIT"),
        ("# SPDX-License-Identifier: (MIT OR Apache-2.0) AND ISC", "(MIT OR Apache-2.0) AND ISC"),
        (
            "// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note",
            "GPL-2.0 WITH Linux-syscall-note",
        ),
        ("# SPDX-License-Identifier: MIT Copyright 2020 Acme", "MIT"),
        ("# SPDX-License-Identifier: LicenseRef-Acme", "LicenseRef-Acme"),
        ("# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: ISC", "MIT AND ISC"),
        ('TAG = "SPDX-License-Identifier: "', None),
        ("# SPDX-License-Identifier: <expression>", None),
        ("x" * 5000 + "\n# SPDX-License-Identifier: MIT", None),
    ],
)
def test_tags(line: str, expected: str | None) -> None:
    """A tag ends where its comment does."""
    found = tagged_license(line)
    assert (None if found is None else str(found)) == expected


def test_gnu_lesser_is_lesser() -> None:
    """A notice of the LGPL beside the GPL's text is the LGPL, whatever the file is called."""
    lesser = "GNU Lesser General Public License version 3"
    general = "GNU General Public License version 3"
    for names in (("COPYING", "COPYING.LESSER"), ("GPL-LICENSE", "LICENSE")):
        files = dict(zip(names, (general.encode(), lesser.encode()), strict=True))
        assert repository_license(files) == "LGPL-3.0"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LICENSE", True),
        ("License.md", True),
        ("COPYING.LESSER", True),
        ("UNLICENSE", True),
        ("MIT-LICENSE.txt", True),
        ("relicense.c", False),
        ("copyingmachine.c", False),
    ],
)
def test_names_of_licence_files(name: str, expected: bool) -> None:
    """By the names in use; a wrong guess is harmless, its text will not match."""
    assert is_license_file(name) is expected
    assert is_of_interest(name) is expected
    assert not is_of_interest(f"src/{name}")


def test_real_repositories_have_their_licence(real_archives, read_bytes):
    """All 22 repositories of the test data, read as a user would."""
    for path in real_archives:
        repo = path.name.removesuffix(".tar.gz").replace("__", "/")
        got = read_bytes(path.name, path.read_bytes())
        licenses = [row["license"] for row in got.rows]
        assert max(set(licenses), key=licenses.count) == KNOWN[repo], repo
        assert not got.quarantined
        assert "unsafe_path" not in got.skipped


def test_a_notice_is_a_licence() -> None:
    """Apache's notice is as good as its text."""
    assert repository_license({"LICENSE": APACHE_NOTICE.encode()}) == "Apache-2.0"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("pom.xml", b"<license>" + b" " * 200_000),
        ("pom.xml", b"<license>\n <name>" + b"\n" * 200_000 + b"<"),
        ("setup.py", b"\n" * 200_000 + b"license = 'MIT'"),
        ("setup.cfg", b"license =" + b"\n" * 200_000),
    ],
)
def test_a_manifest_of_blanks_is_read_in_linear_time(name: str, data: bytes) -> None:
    """Four kilobytes of them took 22 seconds."""
    stated = repository_license({name: data})
    assert stated == ("MIT" if b"MIT" in data else None)


REUSE = {
    "ee/LICENSE": "The Acme Enterprise terms. Ask us before you do anything with this folder. " * 3,
    "ee/LICENSE-THIRD-PARTY": MIT,
    "ee/deep/a.c": "int e;\n",
    "ee/deep/tagged.c": "// SPDX-License-Identifier: 0BSD\n",
    "ee/gpl/COPYING": "GNU General Public License version 3",
    "ee/gpl/a.c": "int g;\n",
    "ee/gpl/license.go": "package license\n",
    "REUSE.toml": '[[annotations]]\npath = ["data/*", "b.c"]\nprecedence = "aggregate"\n'
    'SPDX-License-Identifier = "CC0-1.0"\n[[annotations]]\npath = "third/**"\n'
    'precedence = "override"\nSPDX-License-Identifier = "Zlib"\n'
    '[[annotations]]\npath = "closest.c"\nSPDX-License-Identifier = "Zlib"\n',
    "LICENSES/MIT.txt": MIT,
    "LICENSES/ISC.txt": ISC,
    "a.c": "// SPDX-License-Identifier: ISC\nint a;\n",
    "b.c": "// SPDX-License-Identifier: ISC\nint b;\n",
    "plain.c": "int c;\n",
    "closest.c": "int d;\n",
    "data/x.tsv": "1\t2\n",
    "third/x.c": "// SPDX-License-Identifier: GPL-2.0-only\nint x;\n",
    "beside.c": "// SPDX-License-Identifier: GPL-2.0-only\nint y;\n",
    "beside.c.license": "SPDX-License-Identifier: 0BSD\n",
    "ignoring.c": "// REUSE-IgnoreStart\n// SPDX-License-Identifier: MIT\n// REUSE-IgnoreEnd\n",
}
STATED = {
    "a.c": "ISC",
    "b.c": "ISC AND CC0-1.0",
    "plain.c": "ISC AND MIT",
    "closest.c": "Zlib",
    "data/x.tsv": "CC0-1.0",
    "third/x.c": "Zlib",
    "beside.c": "0BSD",
    "ignoring.c": "ISC AND MIT",
    "ee/LICENSE": None,
    "ee/deep/a.c": None,
    "ee/deep/tagged.c": "0BSD",
    "ee/gpl/a.c": "GPL-3.0",
    "ee/gpl/license.go": "GPL-3.0",
}


@pytest.mark.parametrize("kind", ["tar", "zip", "git"])
def test_a_repository_that_follows_reuse(kind, tmp_path, read_bytes, read_folder):
    """What it states of single files and folders is theirs, from an archive as from git."""
    if kind == "git":
        for path, text in REUSE.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
            git(tmp_path, *words)
        got = read_folder("a__b", tmp_path)
    else:
        make = make_tar if kind == "tar" else make_zip
        members = {f"b-1/{path}": text.encode() for path, text in REUSE.items()}
        got = read_bytes(f"a__b.{kind}", make(members.items()))
    found = {row["path"]: row["license"] for row in got.rows}
    assert {path: found[path] for path in STATED} == STATED
