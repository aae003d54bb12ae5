"""A checkout that was moved, with the files that its configuration names."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.configuration import Config
from pipeline.run import plan, run
from stages.kernels.bpe.tokenizer import tokenizer_json

NAMED = (
    "decontaminate.benchmarks=['../files/benchmarks']",
    "github.opt_out=['../files/opt-out.txt']",
    "emit.tokenizer='../files/tokenizer.json'",
    "emit.text=true",
)


def stale(config: Config) -> set[str]:
    return {item.step for item in plan(config) if item.n_stale}


def test_files_are_the_same_wherever_they_lie(
    configure: Callable[..., Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Benchmarks, opt-out lists, a tokenizer, by name and content, with `..` in their paths; what
    is written in them counts."""
    files = tmp_path / "here" / "files"
    (files / "benchmarks").mkdir(parents=True)
    (files / "benchmarks" / "humaneval.jsonl").write_text(json.dumps({"prompt": "a " * 20}))
    (files / "opt-out.txt").write_text("nobody/nothing\n")
    (files / "tokenizer.json").write_bytes(tokenizer_json("deepseek-v2"))
    (files.parent / "tree").mkdir()
    monkeypatch.chdir(files.parent / "tree")
    run(configure(Path("run"), *NAMED), address="local")
    assert stale(configure(Path("run"), *NAMED)) == set()
    shutil.move(files.parent, tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there" / "tree")
    moved = configure(Path("run"), *NAMED)
    assert stale(moved) == set()
    benchmark = Path("../files/benchmarks/humaneval.jsonl")
    benchmark.write_text(json.dumps({"prompt": "b " * 20}))
    assert {"github.decontaminate.measure", "web.decontaminate.measure"} <= stale(moved)
    Path("../files/opt-out.txt").write_text("somebody/else\n")
    assert "github.documents" in stale(moved)
