"""Whatever a command's standard streams are, its records are none the worse."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import page, read_shards, write_tar, write_warc
from tests.pipeline.inspection.test_sql import write_run

COMMAND = "from pipeline.cli import main; main()"


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    pages = {f"https://example.org/{number}": page("Page", 5) for number in range(12)}
    write_warc(tmp_path / "a.warc.gz", pages)
    files = {f"file_{number}.py": b"value = another\n" for number in range(12)}
    write_tar(tmp_path / "a__b.tar.gz", "b-main", files)
    path = tmp_path / "closed.toml"
    path.write_text(
        f"[web]\ninputs = ['{tmp_path}/*.warc.gz']\n[github]\ninputs = ['{tmp_path}/*.tar.gz']\n"
    )
    return path


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_cost_no_record(configuration: Path, closed: str) -> None:
    """No good document is quarantined, and nothing is printed into what the run writes."""
    run = configuration.parent / "run"
    words = ["run", str(configuration), "--run", str(run), "--address", "local"]
    words += ["--stage", "web.documents", "--stage", "github.rules"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", COMMAND, *words],
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0
    assert read_shards(run / "web/documents", ["doc_id"]).num_rows == 12
    assert read_shards(run / "github/rules", ["reason"])["reason"].to_pylist() == [None] * 12
    assert not (run / "quarantine").exists()
    assert json.loads((run / "lock").read_bytes())["host"] == os.uname().nodename


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    """`sluice sql … --csv | head -1`: however much there is, the code is 0 and nothing is said."""
    run = write_run(tmp_path / "run")
    statement = "select range from range(2000000)"
    command = [sys.executable, "-m", "pipeline", "sql", str(run), statement, "--csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"range\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
