"""A file is replaced whole or not at all."""

from pathlib import Path

import pytest

from pipeline.storage.replace import replacing


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
