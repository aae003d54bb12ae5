"""Sets of problems as their files come: read, or refused by name."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.decontaminate.options import DecontaminateOptions
from stages.decontaminate.stage import DecontaminateStage
from stages.errors import ConfigError
from tests.stages.decontaminate.planting import PROBLEM, spans, stage, write


def test_parquet_sets(tmp_path: Path) -> None:
    """A Parquet file is a set like any other; a single folder may be a plain string."""
    pq.write_table(pa.table({"id": [5], "problem": [PROBLEM]}), tmp_path / "p.parquet")
    made = DecontaminateStage(DecontaminateOptions.model_validate({"benchmarks": str(tmp_path)}))
    assert spans(made, PROBLEM)[0][0]["kind"] == "p/5"


@pytest.mark.parametrize(
    "content", [PROBLEM, [{"type": "text", "text": PROBLEM}, {"type": "image", "text": None}]]
)
def test_messages_are_read(tmp_path: Path, content: object) -> None:
    """What is asked in a conversation is a problem, in JSON Lines and in Parquet."""
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": None}]
    row = {"id": "7", "messages": messages, "answer": "18"}
    pq.write_table(
        pa.Table.from_pylist([{**row, "messages": messages[:1]}]), tmp_path / "p.parquet"
    )
    for made in (stage(write(tmp_path / "sets", "s.jsonl", [row])), stage(tmp_path)):
        assert spans(made, f"# {PROBLEM}\n")[0][0]["kind"].endswith("/7")


def test_resources_follow_content(tmp_path: Path) -> None:
    """The fingerprint depends on the bytes of the files, not on their place."""
    first = stage(write(tmp_path / "a", "s.jsonl", [{"text": "x"}])).resources()
    assert first == stage(write(tmp_path / "b", "s.jsonl", [{"text": "x"}])).resources()
    assert first != stage(write(tmp_path / "c", "s.jsonl", [{"text": "y"}])).resources()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"other": "x"}\n', "none of the fields prompt, .*messages.*it has other"),
        ("", "it has no rows"),
        ('{"text": 3}\n', "none of the fields"),
        ('{"messages": [{"content": 3}, 4], "n": [5]}\n', "none of the fields"),
        ('{"text": "x"}\n{broken\n', "s.jsonl:2"),
        ('{"text": ' + 9999 * "[", "s.jsonl:1"),
        ('{"text": "half a pair \\ud800"}\n', "s.jsonl:1"),
        ('{"id": "\\udfff", "text": "x"}\n', "s.jsonl:1"),
        ('{"text": ' + 5000 * "9" + "}\n", "s.jsonl:1"),
        ("[1]\n", "expected an object"),
    ],
)
def test_unreadable_sets_are_errors(tmp_path: Path, content: str, message: str) -> None:
    """A file that cannot be guarded against is an error that names it."""
    (tmp_path / "s.jsonl").write_text(content)
    with pytest.raises(ConfigError, match=message):
        stage(tmp_path)


def test_missing_folders_are_errors(tmp_path: Path) -> None:
    """So are a folder without sets and two sets of one name."""
    with pytest.raises(ConfigError, match="found none"):
        stage(tmp_path)
    folders = [write(tmp_path / name, "s.jsonl", [{"text": "x"}]) for name in "ab"]
    with pytest.raises(ConfigError, match="one name"):
        stage(*folders)


def test_sets_without_anything_to_match_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A set whose fields are all too short guards nothing, and the log says so."""
    folder = write(tmp_path / "sets", "answers.jsonl", [{"answer": "18"}])
    spans(stage(write(folder, "tiny.jsonl", [{"text": PROBLEM}])), "x")
    assert [record.message.split(":")[0] for record in caplog.records] == ["answers"]


def test_a_set_whose_name_is_no_text_is_an_error(tmp_path: Path) -> None:
    """It would stand in every span that is found."""
    (tmp_path / os.fsdecode(b"s\xff.jsonl")).write_text('{"text": "x"}\n')
    with pytest.raises(ConfigError, match="rename it"):
        stage(tmp_path)
