"""Where decisions go, and which tables the page opens."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.annotate import serve
from pipeline.annotate.iteration_tables import open_iterations
from pipeline.annotate.serve import annotate, choose_files, choose_review
from stages.errors import ConfigError
from tests.pipeline.annotate.conftest import write_run


def configure(run: Path, *annotations: str, annotate: str = "rule") -> None:
    recall = {"annotations": annotations, "annotate": annotate}
    configuration = {"web": {"recall": recall}}
    (run / "run.json").write_text(json.dumps({"configuration": configuration}))


def test_the_first_configured_file_is_written_and_the_others_read(run: Path) -> None:
    """They come after it, so that they win."""
    configure(run, "seeds/annotations/web.toml", "old.toml")
    files = choose_files(run, None)
    assert files.written == Path("seeds/annotations/web.toml")
    assert (files.before, files.after) == ((), (Path("old.toml"),))
    assert files.is_configured


def test_a_named_file_wins(run: Path) -> None:
    """It is said whether the run reads it."""
    first, second, other = Path("a.toml"), Path("b.toml"), Path("c.toml")
    configure(run, "a.toml", "./b.toml")
    named = choose_files(run, second)
    assert (named.before, named.after, named.is_configured) == ((first,), (), True)
    named = choose_files(run, other)
    assert (named.before, named.after, named.is_configured) == ((first, second), (), False)


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
    monkeypatch.setattr(serve, "_configured", lambda run: {})
    with pytest.raises(ConfigError, match="s3://bucket/run: name the file"):
        choose_files(Path("s3:/bucket/run"), None)


def test_the_latest_iteration_with_patterns_is_opened(run: Path, tmp_path: Path) -> None:
    """By number, not by name; an iteration that has none yet is passed over."""
    write_run(run, iteration=10)
    write_run(run, iteration=11)
    shutil.rmtree(run / "web/recall/iteration-11/patterns")
    with open_iterations(run) as iterations:
        assert list(iterations) == [2, 10]
        review = choose_review(run, iterations, choose_files(run, None), "ada")
        assert review.tables.iteration == 10
        assert review.tables.thresholds == {"code": 0.6}
        assert not (run / "annotations.toml").exists()


def test_a_run_that_waits_is_opened_where_it_waits(run: Path, tmp_path: Path) -> None:
    """At the first iteration with an open pattern; when all are decided, at the latest."""
    file = tmp_path / "web.toml"
    configure(run, str(file), annotate="person")
    write_run(run, iteration=3)
    files = choose_files(run, None)
    with open_iterations(run) as iterations:
        for expected in (2, 3):
            review = choose_review(run, iterations, files, "ada")
            assert review.tables.iteration == expected
            for target in review.targets:
                while pattern := review.next_open(target):
                    review.decide(pattern, True)
        assert choose_review(run, iterations, files, "ada").tables.iteration == 3
        assert choose_review(run, iterations, files, "ada", 2).tables.iteration == 2
    with pytest.raises(ConfigError, match=r"--iteration 7: .* has patterns of 2, 3"):
        annotate(run, say=print, iteration=7)


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
        annotate(run, say=print)
