"""`sluice config schema`, `sluice init`, and what stands before every command."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from pipeline.configuration import load
from pipeline.configuration.json_schema import json_schema
from tests.pipeline.conftest import Sluice


def test_the_schema_is_printed_as_json(sluice: Sluice) -> None:
    """All of standard output, so that it can go to a file."""
    code, out, err = sluice("config", "schema")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads(json.dumps(json_schema()))


@pytest.mark.parametrize(
    ("kind", "github", "web"),
    [
        (["github"], True, False),
        (["commoncrawl"], False, True),
        (["both"], True, True),
        ([], True, True),
    ],
)
def test_a_first_configuration_is_planned_once_its_inputs_are_there(
    sluice: Sluice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inputs: Path,
    kind: list[str],
    github: bool,
    web: bool,
) -> None:
    """Where a person puts the inputs where it says, or says where they are."""
    monkeypatch.chdir(tmp_path)
    code, out, _ = sluice("init", *kind, "-o", "mine.toml")
    assert code == 0
    assert "sluice plan mine.toml" in out
    made = load(Path("mine.toml"))
    assert (bool(made.github.inputs), bool(made.web.inputs)) == (github, web)
    text = Path("mine.toml").read_text()
    text = text.replace("inputs/github/", f"{inputs}/").replace("inputs/crawl/", f"{inputs}/")
    Path("mine.toml").write_text(text)
    code, out, err = sluice("plan", "mine.toml")
    assert code == 0, err
    assert ("github.documents" in out, "web.documents" in out) == (github, web)


def test_who_names_a_file_is_told_how(
    sluice: Sluice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`init` takes what a configuration is to read; the file is an option."""
    monkeypatch.chdir(tmp_path)
    code, _, err = sluice("init", "mine.toml")
    assert code == 2
    assert "sluice init -o mine.toml" in err
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_overwritten(
    sluice: Sluice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default name is sluice.toml; what is there stays as it is."""
    monkeypatch.chdir(tmp_path)
    assert sluice("init", "github")[0] == 0
    before = Path("sluice.toml").read_bytes()
    code, _, err = sluice("init", "both")
    assert code == 2
    assert "sluice: sluice.toml exists; choose another name with -o" in err
    assert Path("sluice.toml").read_bytes() == before


def test_a_folder_that_is_not_there_is_named(sluice: Sluice, tmp_path: Path) -> None:
    """No traceback, and nothing is made."""
    code, _, err = sluice("init", "-o", str(tmp_path / "none" / "a.toml"))
    assert code == 2
    assert f"{tmp_path / 'none' / 'a.toml'}: No such file or directory" in err


def test_another_kind_is_refused(sluice: Sluice) -> None:
    """With those there are."""
    code, _, err = sluice("init", "gitlab")
    assert code == 2
    assert "'gitlab': expected one of github, commoncrawl, both" in err


def test_the_version_is_that_of_the_distribution(sluice: Sluice) -> None:
    """One line, and no command is needed."""
    assert sluice("--version") == (0, f"sluice {version('sluice')}\n", "")


@pytest.mark.parametrize("command", ["", "run", "init", "config", "config schema", "recall train"])
def test_help_is_also_h(sluice: Sluice, command: str) -> None:
    """The same text, at every depth."""
    short, long = (sluice(*command.split(), option) for option in ("-h", "--help"))
    assert short == long
    assert short[0] == 0


def test_the_package_runs_as_a_module() -> None:
    """`python -m pipeline` is `sluice`."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"sluice {version('sluice')}\n"
