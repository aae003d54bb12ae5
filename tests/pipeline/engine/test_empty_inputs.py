"""Inputs that give no document are said aloud, and a corpus without any is no success."""

from pathlib import Path

import pytest

from pipeline.configuration import load
from pipeline.run import run
from stages.errors import InputError
from tests.stages.github.tables.dumps import STACK_V1, json_lines

USELESS = {
    "x.py": (b"x = 1\n", "unreadable: neither tar"),
    "q.jsonl": (json_lines([{"question": "x"}]), "no_layout: its columns are of no dump"),
    "none.jsonl": (b"", "no_layout: it has no columns"),
    "null.jsonl": (json_lines([{**STACK_V1[0], "content": None}]), "skipped no_contents 1"),
}


def documents(folder: Path, names, **settings):
    """Run the documents of these inputs."""
    inputs = [str(folder / name) for name in names]
    given = [f"github.{key}={value!r}" for key, value in settings.items()]
    config = load(None, [f"github.inputs={inputs}", *given], folder / "run")
    return run(config, address="local", stages=["github.documents"])


@pytest.fixture
def folder(tmp_path):
    for name, (data, _) in USELESS.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "good.jsonl").write_bytes(json_lines(STACK_V1))
    return tmp_path


def test_a_corpus_without_documents_fails(folder):
    """The message names every input and its reason."""
    with pytest.raises(InputError, match="none of the 4 inputs gave a document") as raised:
        documents(folder, USELESS)
    for name, (_, reason) in USELESS.items():
        assert f"{name}: {reason}" in str(raised.value)


def test_an_input_without_documents_is_flagged(folder):
    """The run goes on, and ends with a line for each."""
    flags = documents(folder, [*USELESS, "good.jsonl"]).flags
    assert len(flags) == len(USELESS)
    for flag, (name, (_, reason)) in zip(sorted(flags), sorted(USELESS.items()), strict=True):
        assert flag.startswith(f"github.documents: no document came from {name}: {reason}")


def test_what_was_not_wanted_is_not_flagged(folder):
    """A choice is no surprise, but a corpus of nothing is none either."""
    (folder / "other.jsonl").write_bytes(
        json_lines([{**STACK_V1[0], "max_stars_repo_name": "bob/reader"}])
    )
    names = ["good.jsonl", "other.jsonl"]
    assert documents(folder, names, exclude_owners=["bob"]).flags == []
    with pytest.raises(InputError, match="skipped owner 1"):
        documents(folder, names, exclude_owners=["*"])


def test_a_product_of_nothing_is_said(folder):
    """Every document was dropped: the run ends, says so, and the card knows of no sample."""
    inputs = f"github.inputs=['{folder}/good.jsonl']"
    full = load(None, [inputs], folder / "run")
    assert run(full, address="local").flags == []
    empty = load(None, [inputs, "rules.min_alphabetic_share=1"], folder / "run")
    report = run(empty, address="local")
    assert "emit.github: no sample was written: no document was kept" in report.flags
    assert "| **total** | | 0 | 0 | 0 | 0 B |" in (folder / "run/shards/README.md").read_text()
