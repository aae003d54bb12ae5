"""What is imported comes first: the order of DeepSeek-Coder's Algorithm 1."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.concatenate.dependency import dependency_order
from stages.concatenate.imports import Imports, Reference, imports_of


def ordered(files: Mapping[str, str]) -> list[str]:
    """Paths of a repository in order of dependency; ties in the order given."""
    paths = list(files)
    return [
        paths[place]
        for place in dependency_order(paths, [imports_of(path, files[path]) for path in paths])
    ]


@pytest.mark.parametrize(
    ("importing", "text", "imported"),
    [
        ("app/main.py", "from app.core import thing\n", "app/core.py"),
        ("app/main.py", "import os, app.core as c\n", "app/core.py"),
        ("app/main.py", "from .core import (\n    a,  # why\n    b,\n)\n", "app/core.py"),
        ("app/sub/main.py", "    from .. import core\n", "app/core.py"),
        ("src/app/main.py", "from app.core import thing", "src/app/core.py"),
        ("tools/run.py", "from lib.deep import x", "python/lib/deep/__init__.py"),
        (
            "a/Main.java",
            "import org.acme.util.Strings;",
            "src/main/java/org/acme/util/Strings.java",
        ),
        ("a/Main.java", "import static org.acme.Strings.join;", "src/org/acme/Strings.java"),
        ("a/Main.kt", "import org.acme.util.*", "src/org/acme/util/One.kt"),
        ("App/Main.cs", "using Acme.Core;\nclass A {}", "Lib/Core.cs"),
        ("App/Main.cs", "global using static Acme.Core.Strings;", "Lib/Core.cs"),
        ("src/main.c", '#include "util/list.h"', "include/util/list.h"),
        ("src/main.cpp", "#  include <acme/list.hpp>", "include/acme/list.hpp"),
        ("src/net/a.cc", '#include "../list.h"', "src/list.h"),
        ("web/a.js", "const b = require('./lib/b')", "web/lib/b.js"),
        ("web/a.ts", "import {\n  b,\n} from '../b.js';", "b.ts"),
        ("web/a.tsx", 'export * from "./widgets"', "web/widgets/index.ts"),
        ("web/a.mjs", 'await import("./b.mjs")', "web/b.mjs"),
        ("cmd/x/main.go", 'import "example.org/acme/pkg/list"', "pkg/list/list.go"),
        ("cmd/x/main.go", 'import (\n\t"fmt"\n\tl "acme/pkg/list"\n)', "pkg/list/list.go"),
        ("public/index.php", "<?php\nuse Acme\\Util\\Text;", "src/Util/Text.php"),
        ("public/index.php", "<?php\nuse Acme\\Util\\{Other, Text};", "src/Util/Text.php"),
        ("public/index.php", "<?php\nuse App\\{Kernel, Other};", "src/Kernel.php"),
        ("public/index.php", "<?php\nuse App\\Kernel;", "app/Kernel.php"),
        ("public/index.php", "<?php require_once __DIR__ . '/../boot.php';", "boot.php"),
        ("bin/x.rb", "require_relative '../lib/acme/text'", "lib/acme/text.rb"),
        ("bin/x.rb", 'require "acme/text"', "lib/acme/text.rb"),
        ("src/lib.rs", "pub(crate) mod text;", "src/text.rs"),
        ("src/lib.rs", "mod text;", "src/text/mod.rs"),
        ("src/a/b.rs", "use crate::text::{Line, Word};", "src/text.rs"),
        ("src/lib.rs", "use crate::{net, text::{Line, Word}};", "src/text.rs"),
        ("src/lib.rs", "use crate::{\n    net::Socket,\n    text,\n};", "src/text.rs"),
        ("src/lib.rs", "use crate::net::{self, text::Line};", "src/net/text.rs"),
        ("src/a/b.rs", "use super::super::text::Line;", "src/text.rs"),
    ],
)
def test_an_import_of_every_language(importing: str, text: str, imported: str) -> None:
    """The imported file comes before the importing one, which is first in the order of ties."""
    body = "namespace Acme.Core;" if imported.endswith(".cs") else ""
    assert ordered({importing: text, "README.txt": "", imported: body}) == [
        imported,
        importing,
        "README.txt",
    ]


@pytest.mark.parametrize(
    ("importing", "text", "other"),
    [
        ("main.go", 'import "net/http"', "http/server.go"),
        ("main.go", 'import "example.org/acme/list"', "list/list_test.go"),
        ("main.py", "import utils", "a/utils.py"),  # b/utils.py may be meant as well
        ("a.rb", "require 'json'", "vendor/json.rb"),
        ("a.js", "import x from 'x'", "x.js"),
        ("notes.txt", "import other", "other.py"),
    ],
)
def test_what_is_not_of_the_repository_or_not_clear_is_no_dependency(
    importing: str, text: str, other: str
) -> None:
    """A standard library, a package of that name, one of two candidates: the order stays."""
    assert ordered({importing: text, other: "", "b/utils.py": ""}) == [
        importing,
        other,
        "b/utils.py",
    ]


def test_the_nearest_of_several_files_is_meant() -> None:
    """`utils` beside the importing file is meant, not the one elsewhere."""
    files = {"b/main.py": "import utils", "a/utils.py": "", "b/utils.py": ""}
    assert ordered(files) == ["b/utils.py", "b/main.py", "a/utils.py"]


def test_components_stay_together() -> None:
    """Two groups that have nothing to do with each other follow one another whole."""
    files = {"a/x.py": "from a import y", "b/x.py": "from b import y", "b/y.py": "", "a/y.py": ""}
    assert ordered(files) == ["a/y.py", "a/x.py", "b/y.py", "b/x.py"]


def test_a_cycle_begins_with_its_least_dependent_file() -> None:
    """Of files that need one another the one with the fewest unmet needs is written first."""
    files = {
        "p/a.py": "from p import b, c",
        "p/b.py": "from p import c",
        "p/c.py": "from p import a",
    }
    assert ordered(files) == ["p/b.py", "p/a.py", "p/c.py"] or ordered(files) == [
        "p/c.py",
        "p/b.py",
        "p/a.py",
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 25).flatmap(
        lambda n: st.tuples(
            st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))
        )
    )
)
def test_any_graph(graph: tuple[int, set[tuple[int, int]]]) -> None:
    """Every file once; each written file had the fewest unmet needs of its component then (the
    plain algorithm, taken step by step); without cycles every dependency comes first."""
    n, edges = graph
    edges = {(a, b) for a, b in edges if a != b}
    paths = [f"{number}.c" for number in range(n)]
    imports = [
        Imports(tuple(Reference(paths=(f"{b}.c",)) for a, b in sorted(edges) if a == number))
        for number in range(n)
    ]
    order = dependency_order(paths, imports)
    assert sorted(order) == list(range(n))
    group = list(range(n))
    for _ in range(n):
        for a, b in edges:
            group[a] = group[b] = min(group[a], group[b])
    expected: list[int] = []
    for first in sorted(set(group)):
        waiting = {file for file in range(n) if group[file] == first}
        while waiting:
            unmet = {f: len({b for a, b in edges if a == f and b in waiting}) for f in waiting}
            chosen = min(waiting, key=lambda file: (unmet[file], file))
            waiting.remove(chosen)
            expected.append(chosen)
    assert order == expected


@pytest.mark.parametrize("path", ["a.py", "a.js", "a.go", "a.php", "a.rs", "a.cs", "a.java", "a.c"])
@pytest.mark.parametrize(
    "text",
    [
        "import (" * 40_000,
        "from . import (\n" * 20_000,
        "from" + " " * 250_000,
        "use " + "a\\" * 100_000,
        "#include " + "<" * 200_000,
        "\n" * 250_000 + "import",
        "require(" + "\n" * 250_000,
    ],
    ids=range(7),
)
def test_hostile_texts_are_read_in_linear_time(path: str, text: str) -> None:
    """A quarter of a megabyte of anything is read to its end, and little of it is kept."""
    kept = imports_of(path, text).references
    assert (
        sum(len(name) for reference in kept for names in reference for name in names) < 20_000_000
    )
