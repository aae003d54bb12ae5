"""A file is replaced, and a folder made, whole or not at all."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.storage.replace import replacing, whole_folder

ROOT = Path(__file__).resolve().parents[3]


def test_a_file_appears_when_all_of_it_is_written(tmp_path: Path) -> None:
    """Not before; missing folders are made; no other file stays behind."""
    path = tmp_path / "folder" / "answer.txt"
    with replacing(path) as stream:
        stream.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert list(path.parent.iterdir()) == [path]


def test_after_an_error_the_file_is_as_it_was(tmp_path: Path) -> None:
    """Also where there was none."""
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_bytes(b"before")

    def fail(path: Path) -> None:
        with replacing(path) as stream:
            stream.write(b"half of")
            raise RuntimeError

    for path in (old, new):
        with pytest.raises(RuntimeError):
            fail(path)
    assert old.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [old]


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    """Who may read it does not change with what it says."""
    path = tmp_path / "answer.txt"
    path.write_bytes(b"before")
    path.chmod(0o604)
    with replacing(path) as stream:
        stream.write(b"after")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"after", 0o604)


HELD = """
import sys
from pathlib import Path
from pipeline.storage.replace import whole_folder
with whole_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"of it")
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextmanager
def at_work(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A process that makes this folder, and the hidden one in which it does."""
    command = [sys.executable, "-c", HELD, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def test_what_a_killed_process_left_of_a_folder_the_next_removes(tmp_path: Path) -> None:
    """Its own alone: not what lives, not what is of another folder or no work of ours."""
    out, others = tmp_path / "out", [tmp_path / ".out.draft.tmp", tmp_path / ".out2.7.tmp"]
    for other in others:
        other.mkdir()
    with at_work(out) as (killed, left), at_work(out) as (living, hidden):
        killed.kill()
        killed.wait()
        assert (left / "half").is_file()
        with whole_folder(out) as folder:
            (folder / "whole").write_bytes(b"all of it")
        assert [path.name for path in out.iterdir()] == ["whole"]
        assert set(tmp_path.iterdir()) == {out, hidden, *others}
        living.kill()
