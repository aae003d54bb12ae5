"""Compilers and interpreters are found, and mounted where nothing else shows."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stages.ablation.evaluation.languages import TABLE, languages
from stages.ablation.sandbox.toolchains import Missing, Toolchain, find

PYTHON = languages()["python"]


def test_the_table_is_table_1s():
    """Eight languages in the paper's order; each has what its commands name."""
    assert [language.name for language in languages().values()] == [
        "Python",
        "C++",
        "Java",
        "PHP",
        "TypeScript",
        "C#",
        "Bash",
        "JavaScript",
    ]
    for language in languages().values():
        named = {word[1:-1] for word in (*language.compile, *language.run) if word[0] == "{"}
        assert named <= set(language.tools), language.name
        assert "{marker}" in language.finish
        assert language.debian
        assert any(language.file in word for word in (*language.compile, *language.run, "Problem"))
    assert TABLE.name == "languages.toml"


def test_the_last_statement_stands_after_every_test():
    """At the end, or before the braces that close `main` and its class."""
    java = replace(languages()["java"], finish="print({marker});")
    assert java.finished("    }\n  main() {\n  t();\n  }\n\n}\n", "W") == (
        "    }\n  main() {\n  t();\n  \nprint(W);\n}\n\n}\n"
    )
    bash = replace(languages()["sh"], finish="echo {marker}")
    assert bash.finished("run_test", "W") == "run_test\necho W\n"


def test_python_is_the_one_that_runs_this():
    """Seen under /toolchain if it lies outside the system's folders."""
    found = find(PYTHON)
    assert isinstance(found, Toolchain)
    real = Path(os.path.realpath(sys.executable))
    if real.is_relative_to("/usr"):
        assert found.run[0].startswith("/usr")
        assert found.mounts == ()
    else:
        ((here, there),) = found.mounts
        assert real.is_relative_to(here)
        assert there.is_relative_to("/toolchain")
        assert found.run[0] == str(there / real.relative_to(here))


def test_a_tool_of_npm_is_mounted_with_all_modules(tmp_path, monkeypatch):
    """The outermost `node_modules`, and nothing beside it."""
    real = tmp_path / "home" / "node_modules" / "typescript" / "bin" / "tsc"
    real.parent.mkdir(parents=True)
    real.write_text("#!/bin/sh\n")
    real.chmod(0o755)
    links = tmp_path / "home" / "node_modules" / ".bin"
    links.mkdir()
    (links / "tsc").symlink_to("../typescript/bin/tsc")
    monkeypatch.setenv("PATH", str(links))
    found = find(replace(languages()["ts"], tools=("tsc",), compile=("{tsc}", "x"), run=("x",)))
    assert isinstance(found, Toolchain)
    modules = Path("/toolchain/tsc/node_modules")
    assert found.mounts == ((tmp_path / "home" / "node_modules", modules),)
    assert found.compile == (str(modules / "typescript" / "bin" / "tsc"), "x")


def test_a_tool_in_the_home_folder_does_not_bring_the_home_with_it(tmp_path, monkeypatch):
    """Of ~/bin only that folder is seen."""
    tool = tmp_path / "bin" / "bash"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    monkeypatch.setenv("HOME", str(tmp_path))
    found = find(languages()["sh"])
    assert isinstance(found, Toolchain)
    assert found.mounts == ((tmp_path / "bin", Path("/toolchain/bash/bin")),)


def test_what_is_missing_is_named_with_its_package(monkeypatch):
    """Tools and files."""
    monkeypatch.setenv("PATH", "/nowhere")
    found = find(replace(languages()["java"], files=("/nowhere/javatuples.jar",)))
    assert isinstance(found, Missing)
    assert found.reason == (
        "Java: javac, java, /nowhere/javatuples.jar not found "
        "(Debian: openjdk-17-jdk-headless libjavatuples-java)"
    )


@pytest.mark.parametrize("key", languages())
def test_every_debian_package_is_told(key):
    """In the message that says what is missing."""
    found = find(replace(languages()[key], tools=("no-such-tool",)))
    assert isinstance(found, Missing)
    assert languages()[key].debian in found.reason
