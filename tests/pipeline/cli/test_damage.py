"""A damaged run folder, and places where none can be: every command says so in one sentence."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.configuration import load
from pipeline.run import run as run_configuration
from tests.pipeline.conftest import Sluice, page, product, write_tar, write_warc

DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
    "a list": lambda _: b"[]",
    "null": lambda _: b"null",
    "numbers": lambda _: b'{"github": 3, "web": [1], "sets": 4, "generation": "x"}',
    "binary": lambda _: bytes(range(256)),
    "nested": lambda _: b"[" * 100_000,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A configuration, and a complete run of it."""
    folder = tmp_path_factory.mktemp("damage")
    (folder / "inputs").mkdir()
    files = {f"{n}.py": f"def f{n}():\n    return {n}\n".encode() for n in range(3)}
    write_tar(folder / "inputs" / "one__repo.tar.gz", "repo-main", files)
    pages = {f"https://example.org/{n}": page(f"Page {n}", 6) for n in range(3)}
    write_warc(folder / "inputs" / "crawl.warc.gz", pages)
    configuration = folder / "c.toml"
    configuration.write_text(
        f"[github]\ninputs = ['{folder}/inputs/*.tar.gz']\n"
        f"[web]\ninputs = ['{folder}/inputs/*.warc.gz']\n"
    )
    run_configuration(load(configuration, run=folder / "run"), address="local")
    return configuration, folder / "run"


@pytest.fixture
def run(finished: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the complete run."""
    return Path(shutil.copytree(finished[1], tmp_path / "run"))


@pytest.fixture
def again(finished: tuple[Path, Path], sluice: Sluice) -> Callable[..., tuple[int, str]]:
    """`sluice run` in this process, on a run folder: exit code and standard error."""

    def call(run: Path | str, *more: str) -> tuple[int, str]:
        arguments = (str(finished[0]), "--run", str(run), "--address", "local", *more)
        code, _, err = sluice("run", *arguments)
        return code, err

    return call


def complete(configuration: Path, run: Path) -> str:
    """`sluice run` in a process of its own; what it says of failures."""
    command = "from pipeline.cli import main; main()"
    arguments = ["run", str(configuration), "--run", str(run), "--address", "local"]
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments], capture_output=True, errors="replace"
    )
    return "" if done.returncode == 0 else done.stderr


def require_sentence(err: str, *words: str) -> None:
    """One message, and no traceback."""
    assert err.startswith("sluice: "), err
    assert "Traceback" not in err
    assert "bug" not in err
    assert err.count("\n") <= 2, err  # the second says how to go on
    assert all(word in err for word in words), err


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("inputs.json", "restore it"),
        ("shards/manifest.json", "delete it"),
        ("lock", "delete it"),
        ("github/_rules.ledger", "delete it"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(
    name: str, remedy: str, kind: str, run: Path, again: Callable[..., tuple[int, str]]
) -> None:
    """Whatever happened to it. An empty lock is that of a driver that died at once."""
    path = run / name
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    code, err = again(run)
    if (name, kind) in (("lock", "empty"), ("lock", "cut")):  # what is left of the latter is whole
        assert code == 0
        return
    assert code == 1
    require_sentence(err, name, "damaged", remedy, "To go on")


def test_the_remedy_helps(run: Path, finished: tuple[Path, Path], sluice: Sluice) -> None:
    """What was deleted is made again, and the run is whole and the same."""
    before = product(run)
    for name in ("shards/manifest.json", "lock", "github/_rules.ledger"):
        (run / name).unlink()
    assert complete(finished[0], run) == ""
    assert sluice("verify", str(run))[0] == 0
    assert product(run) == before


@pytest.mark.parametrize(
    "command",
    [
        ("stats", "{run}"),
        ("stats", "{run}", "github.rules"),
        ("plan", "{configuration}", "--run", "{run}"),
    ],
)
def test_a_damaged_ledger_is_told_by_every_command(
    command: tuple[str, ...], run: Path, finished: tuple[Path, Path], sluice: Sluice
) -> None:
    """Those that only look, too."""
    (run / "github" / "_rules.ledger").write_bytes(b"damaged")
    code, _, err = sluice(*(word.format(run=run, configuration=finished[0]) for word in command))
    assert code == 1
    require_sentence(err, "_rules.ledger", "delete it")


@pytest.mark.parametrize(
    "command",
    [
        ("stats", "{run}", "github.rules", "--by", "path"),
        ("show", "{run}", "https://example.org/1"),
        ("sql", "{run}", "select * from github.rules"),
        ("sql", "{run}", "select * from github.documents"),
    ],
)
@pytest.mark.parametrize("damage", [b"", b"PAR1", b"x" * 1000, b"PAR1" + b"x" * 1000 + b"PAR1"])
def test_a_damaged_table_is_told(
    command: tuple[str, ...], damage: bytes, run: Path, sluice: Sluice
) -> None:
    """The message names the run, and how to find what else is damaged."""
    for table in ("github/documents", "github/rules", "web/documents", "web/dedup"):
        (run / table / "00000.parquet").write_bytes(damage)
    code, _, err = sluice(*(word.format(run=run) for word in command))
    assert code == 1
    require_sentence(err, "sluice verify")


def test_verify_tells_every_damage(run: Path, sluice: Sluice) -> None:
    """A problem per file, not an end at the first."""
    (run / "github" / "documents" / "00000.parquet").write_bytes(b"x")
    (run / "github" / "_rules.ledger").write_bytes(b"x")
    (run / "inputs.json").write_bytes(b"x")
    (run / "run.json").write_bytes(b"[]")
    code, out, _ = sluice("verify", str(run))
    assert code == 1
    for name in ("github/documents/00000.parquet", "_rules.ledger", "run.json"):
        assert name in out


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_run_file_is_told(kind: str, run: Path, sluice: Sluice) -> None:
    """By what needs the configuration of a finished run."""
    (run / "run.json").write_bytes(DAMAGE[kind]((run / "run.json").read_bytes()))
    code, _, err = sluice("ablate", "emit", str(run), "--address", "local")
    assert code == 1
    require_sentence(err, "run.json", "sluice run")


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_log_that_cannot_be_written_is_told(
    make: Callable[[Path], None], run: Path, again: Callable[..., tuple[int, str]]
) -> None:
    """Before anything is done, also where nobody reads a pipe."""
    (run / "log.jsonl").unlink(missing_ok=True)
    make(run / "log.jsonl")
    code, err = again(run)
    assert code == 1
    require_sentence(err, "log.jsonl")


@pytest.mark.parametrize("command", ["run", "plan", "stats", "verify", "sql"])
@pytest.mark.parametrize("place", ["a file", "a file/run", "a loop", "a" * 300])
def test_a_place_where_no_run_can_be_is_wrong_usage(
    command: str, place: str, finished: tuple[Path, Path], tmp_path: Path, sluice: Sluice
) -> None:
    """A file, what would lie in one, a loop of links, a name too long; nothing is changed."""
    (tmp_path / "a file").write_text("mine")
    (tmp_path / "a loop").symlink_to(tmp_path / "a loop")
    run = str(tmp_path / place)
    arguments = {
        "run": [str(finished[0]), "--run", run, "--address", "local"],
        "plan": [str(finished[0]), "--run", run],
        "sql": [run, "select 1"],
    }.get(command, [run])
    code, _, err = sluice(command, *arguments)
    assert code == 2
    require_sentence(err, place[:50], "no run folder can be there")
    assert (tmp_path / "a file").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["a file", "a loop"]


def test_a_run_folder_may_be_called_anything(
    tmp_path: Path, finished: tuple[Path, Path], sluice: Sluice
) -> None:
    """Quotes, a line's end, a pattern's characters, no UTF-8: from the run to the query."""
    run = tmp_path / os.fsdecode(b'it\'s a "run" [1]*?; -- \n\xff')
    assert complete(finished[0], run) == ""
    code, out, _ = sluice("verify", str(run))
    assert (code, "sound" in out) == (0, True)
    assert sluice("stats", str(run), "github.rules", "--by", "kind")[0] == 0
    assert sluice("show", str(run), "https://example.org/1")[0] == 0
    code, out, _ = sluice("sql", str(run), "select count(*) from github.documents", "--csv")
    assert (code, out.splitlines()[-1]) == (0, "3")
    arguments = (str(finished[0]), "--run", str(run), "--address", "local")
    code, out, _ = sluice("run", *arguments)
    assert (code, "up to date" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sql", "{run}", "select '\udcff'"), "not UTF-8"),
        (("sql", "{run}", "select 1 as a, 2 as a", "--json"), "two columns are called 'a'"),
        (("show", "{run}", "\udcff"), "not UTF-8"),
        (("stats", "{run}", "github.rules", "--by", "\udcff"), "no such column"),
        (("stats", "{run}", "[/red]"), "no stage"),
        (("recall", "train", "{table}", "--target", "\udcff", "-o", "m"), "not UTF-8"),
        (("recall", "score", "{table}", "--model", "\udcff", "-o", "o.jsonl"), "No such file"),
        (("apply", "\udcff", "{table}", "-o", "o.jsonl"), "no stage"),
        (("apply", "rules", "{table}", "-o", "o.jsonl", "--set", "\udcff"), "KEY=VALUE"),
        (("plan", "\udcff"), "No such file"),
    ],
)
def test_odd_arguments_are_told(
    arguments: tuple[str, ...], message: str, run: Path, tmp_path: Path, sluice: Sluice
) -> None:
    """No UTF-8, and what the terminal's colours are written with."""
    (tmp_path / "t.jsonl").write_text('{"text": "a", "label": "x"}\n')
    words = (word.format(run=run, table=tmp_path / "t.jsonl") for word in arguments)
    code, out, err = sluice(*words)
    assert code in (1, 2)
    assert out == ""
    require_sentence(err, message)


def test_a_column_may_be_called_anything(run: Path, sluice: Sluice) -> None:
    """Brackets are no colours."""
    code, out, _ = sluice("sql", str(run), 'select 1 as "[red]", 2 as "[/red]", 3 as a, 4 as a')
    assert code == 0
    assert out.split() == ["[red]", "[/red]", "a", "a", "1", "2", "3", "4"]
