"""The command line: exit codes, messages, help. Commands over runs are in test_inspection."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from rich.text import Text
from typer.main import get_command

from pipeline.cli import commands
from pipeline.cli.app import app
from stages.errors import ConfigError, StageError
from tests.pipeline.conftest import Sluice
from tests.pipeline.inspection.test_sql import write_run

COMMANDS = (
    "run",
    "plan",
    "apply",
    "extract",
    "stats",
    "show",
    "sql",
    "sample",
    "verify",
    "remove",
    "export",
    "init",
    "recall",
    "config",
    "ablate",
)


def test_help_names_every_command(sluice: Sluice) -> None:
    """And how to begin."""
    code, out, _ = sluice("--help")
    assert code == 0
    for command in COMMANDS:
        assert f" {command} " in out
    assert "sluice run configs/demo.toml" in out


@pytest.mark.parametrize("command", COMMANDS[:-3])
def test_every_command_explains_itself_with_an_example(sluice: Sluice, command: str) -> None:
    """--help teaches."""
    code, out, _ = sluice(command, "--help")
    assert code == 0
    assert f"sluice {command}" in out
    assert "Example" in out


def test_help_is_shown_whole() -> None:
    """Words in square brackets are markup to Rich, which leaves them out."""
    commands: list[click.Command] = [get_command(app)]
    for command in commands:
        texts = (command.help, command.epilog, *(vars(each).get("help") for each in command.params))
        for text in filter(None, texts):
            assert text == Text.from_markup(text).plain
        commands += vars(command).get("commands", {}).values()


def test_help_imports_nothing_heavy() -> None:
    """It answers at once: no engine, no Arrow, no DuckDB, no configuration."""
    script = (
        "import sys; sys.argv = ['sluice', '--help']\n"
        "from pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pyarrow', 'numpy', 'ray', 'duckdb', 'pydantic', 'numba'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "configs/demmo.toml"], "did you mean configs/demo.toml?"),
        (["plan", "configs/demo.toml", "--set", "dedup.treshold=1"], "`dedup.threshold`"),
        (["plan", "configs/demo.toml", "--set", "nonsense"], "KEY=VALUE"),
        (
            "plan configs/demo.toml --set {web} --set github.inputs=installed:rich --stage x",
            "github.rules",
        ),
        (["stats", "{tmp}/none"], "no such run folder"),
        (["sql", "{tmp}", "select 1"], "not a run folder"),
        (["sql", "{tmp}", "select 1", "--json", "--csv"], "exclude each other"),
        (["apply", "rulez", "x.jsonl", "-o", "y.jsonl"], "did you mean rules?"),
        (["apply", "rules", "{tmp}/none.jsonl", "-o", "y.jsonl"], "no such file"),
        (["recall", "train", "x.jsonl", "--target", "x", "-o", "{tmp}"], "is a folder"),
        (["recall", "train", "x.jsonl", "--target", "x", "-o", "{tmp}/a/b"], "there is no folder"),
        (
            "run configs/demo.toml --set {web} --run {tmp}/run --address nonsense",
            "expected auto, local, HOST:PORT or ray://HOST:PORT",
        ),
        ("show runs/demo x --color rainbow", "Invalid value for '--color': 'rainbow' is not one"),
        ("run a.toml --progress bar", "Invalid value for '--progress': 'bar' is not one of"),
        (["sta"], "No such command"),
        (["run"], "Missing argument"),
    ],
)
def test_wrong_usage_is_code_2_and_one_message(
    sluice: Sluice,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str | list[str],
    message: str,
) -> None:
    """No traceback; the nearest valid name where there is one."""
    monkeypatch.chdir(Path(__file__).resolve().parents[3])
    parts = arguments.split() if isinstance(arguments, str) else arguments
    code, out, err = sluice(*(part.format(tmp=tmp_path, web="web.inputs=[]") for part in parts))
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in out + err
    assert "documents" not in out


def test_a_failed_stage_is_code_1_and_says_how_to_resume(
    sluice: Sluice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command to go on is the same command."""

    def fail(*_: object, **__: object) -> None:
        raise StageError("github.rules, shard 00003: it broke")

    monkeypatch.setattr("pipeline.run.run", fail)
    monkeypatch.chdir(Path(__file__).resolve().parents[3])
    folder = str(tmp_path / "r")
    code, _, err = sluice("run", "configs/dev.toml", "--run", folder)
    assert code == 1
    assert "sluice: github.rules, shard 00003: it broke" in err
    assert f"sluice run configs/dev.toml --run {folder}" in err


def test_an_interrupted_run_says_that_it_resumes(
    sluice: Sluice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is no failure, but not done either."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run", interrupt)
    code, _, err = sluice("run", "configs/demo.toml")
    assert code == 130
    assert "resumes" in err


def test_by_needs_a_stage(sluice: Sluice, tmp_path: Path) -> None:
    """A column belongs to a corpus."""
    code, _, err = sluice("stats", str(tmp_path), "--by", "language")
    assert code == 2
    assert "--by needs a stage" in err


def test_config_errors_are_a_kind_of_their_own() -> None:
    """Exit code 2 is theirs alone."""
    assert not issubclass(StageError, ConfigError)


@pytest.mark.parametrize(
    "value", ["date '20000-01-01'", "'infinity'::timestamp", "[date '-9-1-1']"]
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_a_value_that_cannot_be_shown_is_named(
    value: str, form: list[str], sluice: Sluice, tmp_path: Path
) -> None:
    """DuckDB knows more dates than Python: the column is named, and what to do."""
    code, _, err = sluice("sql", str(write_run(tmp_path / "run")), f"select {value} as day", *form)
    assert code == 2
    assert "column 'day'" in err
    assert "cast it to varchar" in err
