"""Opening what somebody else put there."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.decontaminate.benchmarks import benchmark_files
from stages.errors import ConfigError
from stages.kernels.bpe.tokenizer import tokenizer_json
from stages.recall.classifier.texts import read_model_file
from stages.recall.sites.annotations import read_annotations
from stages.regular_files import open_regular


def test_a_file_is_read_also_behind_a_link(tmp_path):
    """A link is the user's way to name a file."""
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        with open_regular(tmp_path / name) as stream:
            assert stream.read() == b"bytes"


def test_nothing_else_is_opened(tmp_path, monkeypatch):
    """A pipe nobody writes to, a socket, a device, a folder: an error at once."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.bind("socket")
    for name in ("pipe", "socket", "/dev/zero", ".", "nothing"):
        with pytest.raises(OSError, match=name.replace(".", r"\.")):
            open_regular(name)


def pipe(folder: Path, name: str) -> str:
    os.mkfifo(folder / name)
    return str(folder / name)


@pytest.mark.parametrize(
    "read",
    [
        lambda folder: read_annotations([pipe(folder, "annotations.toml")]),
        lambda folder: read_model_file(pipe(folder, "model.bin")),
        lambda folder: tokenizer_json(pipe(folder, "tokenizer.json")),
        lambda folder: benchmark_files([pipe(folder, "set.jsonl")]),
    ],
    ids=["annotations", "model", "tokenizer", "benchmark"],
)
def test_no_setting_waits_for_a_pipe(read: Callable[[Path], object], tmp_path: Path) -> None:
    """Whichever file it names; nobody may ever write to it."""
    with pytest.raises(ConfigError, match=str(tmp_path)):
        read(tmp_path)
