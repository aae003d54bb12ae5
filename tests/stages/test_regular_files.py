"""Opening what somebody else put there."""

import os
import socket

import pytest

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
