"""Where decisions go, and which tables the page opens."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.annotate import serve
from pipeline.annotate.serve import annotate, choose_files
from pipeline.annotate.tables import open_tables
from stages.errors import ConfigError
from tests.pipeline.annotate.conftest import write_run


def configure(run: Path, *annotations: str) -> None:
    configuration = {"web": {"recall": {"annotations": annotations}}}
    (run / "run.json").write_text(json.dumps({"configuration": configuration}))


def test_the_configured_file_is_written_and_the_others_read(run: Path, tmp_path: Path) -> None:
    """The first of recall.annotations; what does not exist yet is not read."""
    other = tmp_path / "old.toml"
    other.write_text("version = 1\n")
    configure(run, "seeds/annotations/web.toml", str(other), "none.toml")
    files = choose_files(run, None)
    assert files.written == Path("seeds/annotations/web.toml")
    assert files.others == (other,)
    assert files.is_configured


def test_a_named_file_wins(run: Path, tmp_path: Path) -> None:
    """The configured ones are then read; the page says if the run does not read the named one."""
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    for path in (first, second):
        path.write_text("version = 1\n")
    configure(run, str(first), str(second))
    assert choose_files(run, second).others == (first,)
    assert choose_files(run, second).is_configured
    assert not choose_files(run, tmp_path / "c.toml").is_configured


def test_without_a_configuration_the_run_folder_holds_the_file(run: Path) -> None:
    """Also while the run has not ended, so that there is no run file."""
    files = choose_files(run, None)
    assert (files.written, files.is_configured) == (run / "annotations.toml", False)
    assert choose_files(run, Path("x.toml")).written == Path("x.toml")


def test_a_pattern_of_files_is_nothing_to_write_to(run: Path) -> None:
    """The message says what to do."""
    configure(run, "seeds/annotations/*.toml")
    with pytest.raises(ConfigError, match="--file"):
        choose_files(run, None)


def test_a_run_on_a_store_needs_a_named_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations are a local file."""
    monkeypatch.setattr(serve, "_configured", lambda run: [])
    with pytest.raises(ConfigError, match="s3://bucket/run: name the file"):
        choose_files(Path("s3:/bucket/run"), None)


def test_the_latest_iteration_with_patterns_is_opened(run: Path) -> None:
    """By number, not by name; an iteration that has none yet is passed over."""
    write_run(run, iteration=10)
    write_run(run, iteration=11)
    shutil.rmtree(run / "web/recall/iteration-11/patterns")
    with open_tables(run) as tables:
        assert tables.iteration == 10
        assert tables.thresholds == {"code": 0.6}


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("web/recall/iteration-2/patterns", "no patterns to annotate"),
        ("web/recall/iteration-2/scores", "the table web.recall_iteration_2_scores is missing"),
        ("web/documents", "the table web.documents is missing"),
    ],
)
def test_a_run_without_the_tables_is_refused(run: Path, folder: str, message: str) -> None:
    """The message names what is missing."""
    shutil.rmtree(run / folder)
    with pytest.raises(ConfigError, match=message):
        annotate(run)


def test_a_port_in_use_is_refused(run: Path) -> None:
    """A clear message, not a traceback."""
    with serve._bind(0) as listener:
        listener.listen()
        with pytest.raises(ConfigError, match="Address already in use"):
            annotate(run, port=listener.getsockname()[1])


def test_the_server_is_bound_to_loopback() -> None:
    """No other machine can reach it."""
    with serve._bind(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
