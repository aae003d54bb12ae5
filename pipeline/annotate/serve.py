"""`sluice recall annotate RUN`: where decisions go, and the server on this machine's loopback.

The file is the one named on the command line, else the first of the run's `recall.annotations`,
else RUN/annotations.toml. The others of `recall.annotations` are read, not written. The iteration
is the latest one that proposed patterns; where the run waits for a person
(`recall.annotate = "person"`) it is the first with an open pattern.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.annotate.app import make_app
from pipeline.annotate.iteration_tables import RunTables, open_iterations
from pipeline.annotate.review import Review
from pipeline.inspection.counted import counted
from pipeline.inspection.verify import RUN_FILE
from pipeline.local_page.serving import bind, login_name, serve
from pipeline.storage.location import is_remote, location, open_storage
from stages.errors import ConfigError

DEFAULT_FILE = "annotations.toml"
PERSON = "person"
"""`recall.annotate` of a run that waits for the decisions."""


@dataclass(frozen=True)
class AnnotationFiles:
    """The file that is written, those that are only read, and whether the run reads it too. Of
    decisions on one pattern the last file's holds."""

    written: Path
    before: tuple[Path, ...]
    after: tuple[Path, ...]
    is_configured: bool


def choose_files(run: Path, file: Path | None) -> AnnotationFiles:
    """Where the decisions on a run go."""
    configured = [Path(name) for name in _configured(run).get("annotations", ())]
    written = file or next(iter(configured), None)
    if written is None:
        if is_remote(run):
            raise ConfigError(
                f"{location(run)}: name the file for the decisions with --file, or set "
                "`recall.annotations`"
            )
        written = run / DEFAULT_FILE
    if any(character in str(written) for character in "*?["):
        raise ConfigError(
            f"`recall.annotations`: {written} is a pattern of file names; "
            "name the file for the decisions with --file"
        )
    same = [n for n, one in enumerate(configured) if one.resolve() == written.resolve()]
    place = same[-1] if same else len(configured)
    before = tuple(one for n, one in enumerate(configured) if n < place and n not in same)
    return AnnotationFiles(written, before, tuple(configured[place + 1 :]), bool(same))


def _configured(run: Path) -> dict[str, Any]:
    """The `[recall]` of the last run, if there is a run file."""
    storage = open_storage(run)
    if not storage.exists(RUN_FILE):
        return {}
    try:
        configuration: dict[str, Any] = json.loads(storage.read_bytes(RUN_FILE))["configuration"]
        found: dict[str, Any] = configuration.get("web", {}).get("recall", {})
        return found
    except (ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"{location(run)}/{RUN_FILE}: damaged ({error})") from error


def choose_review(
    run: Path,
    iterations: Mapping[int, RunTables],
    files: AnnotationFiles,
    author: str,
    iteration: int | None = None,
    enough: float | None = None,
) -> Review:
    """The review of the iteration named, else of the one that waits for answers."""

    def review(number: int) -> Review:
        return Review(
            iterations[number],
            files.written,
            author,
            before=files.before,
            after=files.after,
            enough=enough,
        )

    if iteration is not None:
        return review(iteration)
    latest = max(iterations)
    if _configured(run).get("annotate") == PERSON:
        for number in sorted(iterations):
            found = review(number)
            if number == latest or any(found.progress(target).n_open for target in found.targets):
                return found
    return review(latest)


def annotate(
    run: Path,
    *,
    say: Callable[[str], None],
    file: Path | None = None,
    author: str | None = None,
    iteration: int | None = None,
    enough: float | None = None,
    port: int = 0,
) -> None:
    """Serve the page until the person ends it with Ctrl-C. `say` gets each line to print."""
    files = choose_files(run, file)
    author = author or login_name()
    with open_iterations(run) as iterations, bind(port) as listener:
        if iteration is not None and iteration not in iterations:
            known = ", ".join(map(str, iterations))
            raise ConfigError(f"--iteration {iteration}: {location(run)} has patterns of {known}")
        review = choose_review(run, iterations, files, author, iteration, enough)
        if not review.targets:
            raise ConfigError(
                f"{location(run)}: iteration {review.tables.iteration} proposes no patterns; "
                "lower the share from which a domain is a target's, or add seeds"
            )
        say(f"iteration {review.tables.iteration} of {location(run)}")
        for target in review.targets:
            progress = review.progress(target)
            say(
                f"{target}: {progress.n_decided:,} of {progress.n_patterns:,} patterns decided, "
                f"{progress.covered:.1%} of {progress.n_pages:,} pages"
            )
        if enough is not None:
            say(f"once decisions cover {enough:.0%} of a target's pages, the rule decides the rest")
        say(f"decisions go to {files.written}, as {review.author}")
        if not files.is_configured:
            say(f'for the run to read them: recall.annotations = ["{files.written}"]')
        serve(
            listener,
            lambda token, bound: make_app(review, run=location(run), token=token, port=bound),
            say,
        )
        say(f"{counted(len(review.changes), 'decision')} of this session in {files.written}")
