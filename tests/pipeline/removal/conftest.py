"""A small finished run on both sides, with a joined sample, duplicates and several shard files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.configuration import Config, load
from pipeline.run import run
from tests.pipeline.conftest import page, write_tar, write_warc

CAT, DOG = "octo/cat", "octo/dog"
BROKEN = '{"url": "https://broken.example.net/", "text": "A secret of mine"'
"""The second row of `more.jsonl`, which is quarantined."""


def module(name: str, n_lines: int = 12) -> bytes:
    """A Python file that no other resembles."""
    lines = (f"    {name}_{n} = reckon_{name}({n}, '{name}')  # {name} {n}" for n in range(n_lines))
    return "\n".join([f"def {name}():", f'    """Reckons {name}."""', *lines, ""]).encode()


def write_inputs(folder: Path) -> Path:
    """Two repositories that share a file, and a crawl of two domains."""
    folder.mkdir(parents=True, exist_ok=True)
    shared = module("shared")
    cat = {f"{name}.py": module(name) for name in ("apple", "berry", "cherry")}
    cat |= {"shared.py": shared, "README.md": b"# Cat\n\nA cat that reckons fruit, and more.\n"}
    write_tar(folder / "octo__cat.tar.gz", "cat-main", cat)
    dog = {"bone.py": module("bone"), "copied.py": shared + b"\n"}
    write_tar(folder / "octo__dog.tar.gz", "dog-main", dog, commit="1" * 40)
    pages = {
        f"https://{host}/{n}": page(f"{host} {n}", 4)
        for host in ("blog.example.com", "www.example.org")
        for n in range(4)
    }
    write_warc(folder / "crawl.warc.gz", pages)
    text = "A page of its own that says enough to be kept, of lamps and their makers. " * 4
    whole = json.dumps({"url": "https://lamps.example.net/1", "text": text})
    (folder / "more.jsonl").write_text(f"{whole}\n{BROKEN}\n")
    return folder


def configured(inputs: Path, target: Path, *overrides: str) -> Config:
    """Every repository a shard, tokens stored, files of a few samples."""
    return load(
        None,
        [
            f"github.inputs=['{inputs}/*.tar.gz']",
            f"web.inputs=['{inputs}/*.warc.gz', '{inputs}/*.jsonl']",
            "github.shard_bytes=1",
            "tokens.store='always'",
            "emit.shard_bytes=4000",
            "concatenate.max_sample_bytes=2500",
            *overrides,
        ],
        target,
    )


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `inputs` and a finished `run`: to be copied, not changed."""
    folder = tmp_path_factory.mktemp("removal")
    run(configured(write_inputs(folder / "inputs"), folder / "run"), address="local")
    return folder


@pytest.fixture
def copied(small: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    shutil.copytree(small / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def config_of(small: Path) -> Callable[..., Config]:
    """The configuration of the run, for a folder that it lies in."""

    def configuration(target: Path, *overrides: str) -> Config:
        return configured(small / "inputs", target, *overrides)

    return configuration
