"""README's example stage, taken from the page and run as it stands there.

The package it becomes part of is this one: its folders are linked, so that compiled kernels are
shared, and only the register is another file, with README's line in it.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.pipeline.conftest import product, write_tar

ROOT = Path(__file__).resolve().parents[3]
REGISTER = Path("pipeline/configuration/registry.py")
FILES = {
    "a.py": b"# one\n# two\nvalue = 1\n",
    "b.py": b"value = 2\n    # three\n",
    "c.py": b"value = 'no comment'\n",
}
COMMENTS = {"a.py": 2, "b.py": 1, "c.py": 0}


def link(source: Path, target: Path, *apart: Path) -> None:
    """`source` as links in `target`; the folders above `apart` are folders of their own."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        name = target / entry.name
        if entry in apart or entry.name == "__pycache__":
            continue
        if any(entry in one.parents for one in apart):
            link(entry, name, *apart)
        else:
            name.symlink_to(entry)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with the stage that README describes."""
    folder = tmp_path_factory.mktemp("extended")
    for package in ("pipeline", "stages", "schemas", "seeds"):
        link(ROOT / package, folder / package, ROOT / REGISTER)
    section = (ROOT / "README.md").read_text().split("## Adding a stage")[1].split("\n## ")[0]
    named = re.findall(r"`(stages/comments/\w+\.py)`:\n\n```python\n(.*?)```", section, re.DOTALL)
    (line,) = re.findall(r"^`(Stage\(.*\),)`$", section, re.MULTILINE)
    assert [name for name, _ in named] == [f"stages/comments/{n}.py" for n in ("options", "stage")]
    (folder / "stages" / "comments").mkdir()
    (folder / "stages" / "comments" / "__init__.py").touch()
    for name, code in named:
        (folder / name).write_text(code)
    after = 'Stage("rules", '
    register = (ROOT / REGISTER).read_text()
    assert register.count(after) == 1
    (folder / REGISTER).write_text(register.replace(after, f"{line}\n    {after}"))
    write_tar(folder / "me__mine.tar.gz", "mine-main", FILES)
    return folder


COMMANDS = """
import contextlib, io, json, sys
from pipeline.cli import main
answers = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["sluice", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as answer:
        try:
            main()
        except SystemExit as end:
            assert not end.code, arguments
    answers.append(answer.getvalue())
print(json.dumps(answers))
"""


def sluice(folder: Path, *commands: list[str]) -> list[str]:
    """What the commands print, in one process that has the extended packages."""
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    answers: list[str] = json.loads(done.stdout)
    return answers


def running(folder: Path, name: str, *options: str) -> list[str]:
    """The command that runs as far as the stage after the new one."""
    (folder / f"{name}.toml").write_text("[github]\ninputs = ['*.tar.gz']\n")
    return ["run", f"{name}.toml", "--stage", "github.rules", *options]


@pytest.fixture(scope="module")
def told(extended: Path) -> dict[str, str]:
    """A run in this process, and what every command that looks at it says."""
    rows = [{"text": content.decode()} for content in FILES.values()]
    (extended / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run, marker = "runs/local", "comments.marker=value"
    query = "select path, n_comments from github.comments join github.documents using (shard, row)"
    commands = {
        "run": running(extended, "local", "--address", "local"),
        "funnel": ["stats", run, "--json"],
        "stage": ["stats", run, "github.comments", "--json"],
        "life": ["show", run, f"me/mine@{'0' * 40}:a.py", "--json"],
        "sql": ["sql", run, query, "--json"],
        "plan": ["plan", "local.toml", "--stage", "github.comments", "--set", marker, "--json"],
        "apply": ["apply", "comments", "in.jsonl", "-o", "out.jsonl", "--set", "marker=value"],
    }
    return dict(zip(commands, sluice(extended, *commands.values()), strict=True))


def test_the_stage_of_the_readme_runs_and_ends_in_a_table(
    extended: Path, told: dict[str, str]
) -> None:
    """Verdict first, then what it measured, row for row beside the documents."""
    run = extended / "runs" / "local" / "github"
    table = pq.read_table(run / "comments" / "00000.parquet")
    paths = pq.read_table(run / "documents" / "00000.parquet")["path"].to_pylist()
    assert table.schema.names == ["keep", "reason", "doc_id", "n_comments"]
    assert dict(zip(paths, table["n_comments"].to_pylist(), strict=True)) == COMMENTS


def test_its_statistics_need_no_code(told: dict[str, str]) -> None:
    """`stats` knows its place in the order and has the histogram of its measure."""
    stages = [row["stage"] for row in json.loads(told["funnel"])]
    assert stages == [f"github.{n}" for n in ("documents", "language", "comments", "rules")]
    stage = json.loads(told["stage"])
    assert stage["counts"]["kept"] == len(COMMENTS)
    assert sum(stage["histograms"]["n_comments"]["counts"]) == len(COMMENTS)


def test_a_documents_life_tells_its_measures(told: dict[str, str]) -> None:
    """`show` puts it where it ran."""
    (life,) = json.loads(told["life"])
    tables = [stage["table"] for stage in life["stages"]]
    assert tables.index("github.comments") == tables.index("github.language") + 1
    row = life["stages"][tables.index("github.comments")]
    assert row["measures"] == {"n_comments": COMMENTS["a.py"]}


def test_sql_joins_it_to_the_documents(told: dict[str, str]) -> None:
    """Its table is a view like any other."""
    found = map(json.loads, told["sql"].splitlines())
    assert {row["path"]: row["n_comments"] for row in found} == COMMENTS


def test_a_changed_option_repeats_it_and_nothing_before_it(told: dict[str, str]) -> None:
    """Its options are settings, and part of what its table is made from."""
    steps = json.loads(told["plan"])["steps"]
    assert {step["step"] for step in steps if step["n_stale"]} == {"github.comments"}


def test_it_can_be_applied_to_any_table(extended: Path, told: dict[str, str]) -> None:
    """A map stage stands alone without being named anywhere else."""
    answers = map(json.loads, (extended / "out.jsonl").read_text().splitlines())
    assert [answer["n_comments"] for answer in answers] == [1, 1, 1]


def test_ray_writes_what_this_process_wrote(extended: Path, told: dict[str, str]) -> None:
    """Workers find the new stage as the driver does."""
    sluice(extended, running(extended, "ray", "--workers", "1"))
    assert product(extended / "runs" / "ray") == product(extended / "runs" / "local")
