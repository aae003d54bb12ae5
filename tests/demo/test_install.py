"""The set-up says what pip is doing, from pip's own lines and from what lies in the environment."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from demo.install import Installation, pinned

SCRIPT = Path(__file__).resolve().parents[2] / "demo" / "install.py"


def _environment(folder: Path, *lines: str) -> Path:
    """An environment whose pip does what the lines of shell say."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return folder


def test_a_lock_names_what_it_includes(tmp_path: Path) -> None:
    """Names are compared as PyPI does; hashes and comments are none."""
    (tmp_path / "a.lock").write_text("# a\nPy_Thing==1 \\\n    --hash=sha256:00\n")
    (tmp_path / "b.lock").write_text("-r a.lock\nother.thing==2 ; python_version > '3' \\\n")
    assert pinned(tmp_path / "b.lock") == {("py-thing", "1"), ("other-thing", "2")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Collecting absl-py==2.5.1 (from -r x.lock (line 6))", "1 of 2: absl-py"),
        ("  Downloading absl_py-2.5.1-py3-none-any.whl (137 kB)", "1 of 2: absl-py (137 kB)"),
        ("Processing /opt/w/fasttext_numpy2-0.10.4-cp311.whl (from x)", "1 of 2: fasttext-numpy2"),
        ("WARNING: Location is ignored", "pip begins"),
    ],
)
def test_pip_lines_name_the_package(tmp_path: Path, line: str, said: str) -> None:
    """However it gets it."""
    lock = tmp_path / "x.lock"
    lock.write_text("absl-py==2.5.1\nfasttext-numpy2==0.10.4\n")
    installation = Installation(tmp_path, ["-r", str(lock)])
    installation.heard(line)
    assert said in installation.state()
    installation.heard("Installing collected packages: absl-py, fasttext-numpy2")
    (tmp_path / "lib/python3.11/site-packages/absl_py-2.5.1.dist-info").mkdir(parents=True)
    assert "unpacked 1 of 2 packages" in installation.state()


def _installed(environment: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPT), str(environment), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_what_was_installed_is_counted(tmp_path: Path) -> None:
    """pip gets the arguments, and what it says of a good day is not repeated."""
    environment = _environment(
        tmp_path / "venv",
        'echo "$@" > "$0.called"',
        "echo Collecting first-thing==1",
        'mkdir -p "$(dirname "$0")/../lib/python3.11/site-packages/first_thing-1.dist-info"',
    )
    done = _installed(environment, "--no-deps", "first-thing==1")
    assert done.returncode == 0
    assert done.stderr == "set-up: 1 packages installed in 0 s\n"
    called = (environment / "bin" / "python.called").read_text()
    assert called.startswith("-m pip install --no-compile ")
    assert called.endswith(" --no-deps first-thing==1\n")


def test_a_failure_shows_what_pip_said(tmp_path: Path) -> None:
    """And has its status, so that make stops."""
    done = _installed(_environment(tmp_path / "venv", "echo ERROR: no such thing >&2", "exit 3"))
    assert done.returncode == 3
    assert "ERROR: no such thing" in done.stderr
