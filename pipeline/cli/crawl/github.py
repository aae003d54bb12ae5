"""What `sluice crawl github` does and prints."""

import datetime
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipeline.cli.bars import bars
from pipeline.cli.rendering import rows_table, show, show_bytes
from pipeline.github.access import REQUESTS_PER_HOUR, GitHub
from pipeline.github.crawl import ARCHIVES, REPOSITORIES, Choice, crawl, is_open
from pipeline.github.feed import Feed, read_feed
from pipeline.github.fetching import From
from pipeline.github.hydration import FOLDER, hydrate
from pipeline.github.hydration import is_open as is_discussion_open
from pipeline.github.lacking import read_lacking
from pipeline.github.lacking import select as select_lacking
from pipeline.github.ledger import DISCUSSIONS, HAD, NAME, Ledger
from pipeline.github.materialise import FILES, PROBLEMS, materialise
from pipeline.github.plan import hold_to_choices, make_plan
from pipeline.github.wanted import Wanted, listed, select
from pipeline.inspection.counted import counted
from pipeline.storage.location import is_remote, location
from pipeline.storage.lock import run_lock
from stages.errors import ConfigError, InputError
from stages.github.options import GithubOptions
from stages.github.selection import Selection

SHOWN_PROBLEMS = 20


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    repos: Sequence[str]
    gharchive: Sequence[str]
    opt_out: Sequence[str]
    created_before: datetime.date | None
    min_stars: int
    without_api: bool
    update: bool
    dry_run: bool

    @property
    def choice(self) -> Choice:
        """Which repositories are fetched."""
        options = GithubOptions(created_before=self.created_before, opt_out=tuple(self.opt_out))
        return Choice(Selection(options), self.min_stars, not self.without_api, self.update)

    def choices_of_files(self, source: From) -> dict[str, str]:
        """What parts are fetched by, as the options are called; who opts out is withdrawn."""
        return {
            "created-before": str(self.created_before or "none"),
            "min-stars": str(self.min_stars),
            "from": source,
        }


def repositories(request: Request, github: GitHub, folder: Path) -> None:
    """Find out which repositories are wanted, and unless it is a dry run fetch them."""
    choice = request.choice
    with _held(folder, github):
        wanted, refused = _wanted(request, choice, folder)
        ledger = Ledger(folder, read_only=True)
        n_open = sum(is_open(ledger.get(one.repo), folder, choice) for one in wanted)
        _say_what_is_wanted(request, github, len(wanted), n_open, refused)
        if request.dry_run:
            return
        with bars(Console(stderr=True)) as progress:
            outcomes = crawl(wanted, choice, github, folder, progress)
    _say_what_came(outcomes, refused, folder)


def files(
    tables: Sequence[str], source: From, request: Request, github: GitHub, folder: Path
) -> None:
    """Find out which files are wanted, and unless it is a dry run fetch them."""
    with _held(folder, github):
        plan = make_plan(tables, folder)
        size = f", {show_bytes(plan.known_bytes)}" if plan.known_bytes else ""
        show(
            f"{counted(plan.files, 'file')}{size}, {plan.with_blob:,} of them with a blob; of "
            f"{counted(plan.commits, 'commit')} in {_repositories(plan.repositories)}"
        )
        if request.dry_run:
            return
        is_done = any((folder / FILES).glob("part-*"))
        hold_to_choices(folder, request.choices_of_files(source), is_done=is_done)
        with bars(Console(stderr=True)) as progress:
            outcomes = materialise(plan, request.choice, source, github, folder, progress)
    _show_outcomes("files", outcomes)
    if outcomes and not outcomes[HAD]:
        raise InputError(f"no file could be had; {folder / PROBLEMS} says why")
    show(
        f"{folder / PROBLEMS} says what could not be had, and why; to read the rest: "
        f"github.inputs = ['{folder / FILES}']"
    )


def discussions(patterns: Sequence[str], request: Request, github: GitHub, folder: Path) -> None:
    """Find out which discussions hours do not tell, and unless it is a dry run ask for them."""
    with _held(folder, github):
        with bars(Console(stderr=True)) as progress:
            found = read_lacking(patterns, folder, progress)
        n_lacking = len(found.lacking) + found.left_out.total()
        show(
            f"{found.hours - len(found.problems):,} of {found.hours:,} hours mention "
            f"{counted(found.discussions, 'discussion')} and have not all words of {n_lacking:,}"
        )
        _show_problems(found.problems)
        wanted, refused = select_lacking(found.lacking, request.choice.selection, request.min_stars)
        refused += found.left_out
        ledger = Ledger(folder, DISCUSSIONS, read_only=True)
        todo = [one for one in wanted if is_discussion_open(ledger.get(one.asked), folder)]
        left_out = _left_out(refused)
        n_done = len(wanted) - len(todo)
        show(f"{counted(len(wanted), 'discussion')}, {n_done:,} of them done{left_out}")
        _say_how_long(len(todo) + len({one.repo_id for one in todo}), github)
        if request.dry_run:
            return
        with bars(Console(stderr=True)) as progress:
            outcomes = hydrate(wanted, request.choice, github, folder, progress)
    _show_outcomes("discussions", outcomes + refused)
    if outcomes and not outcomes[HAD]:
        raise InputError(f"no discussion could be had; {folder / DISCUSSIONS} says why")
    show(
        f"{folder / DISCUSSIONS} says what became of each; to read them beside the hours: "
        f"github.inputs = [HOURS, '{folder / FOLDER}']"
    )


@contextmanager
def _held(folder: Path, github: GitHub) -> Iterator[None]:
    """One command at a time in a folder."""
    github.require()
    if is_remote(folder):
        raise ConfigError(f"-o {location(folder)}: expected a folder on a disk")
    with run_lock(folder, wait_seconds=0):
        yield


def _repositories(number: int) -> str:
    return f"{number:,} repositor{'y' if number == 1 else 'ies'}"


def _wanted(request: Request, choice: Choice, folder: Path) -> tuple[list[Wanted], Counter[str]]:
    feed = Feed()
    if request.gharchive:
        with bars(Console(stderr=True)) as progress:
            feed = read_feed(request.gharchive, folder, progress)
        n_whole = feed.hours - len(feed.problems)
        show(f"{n_whole:,} of {feed.hours:,} hours name {_repositories(len(feed.wanted))}")
        _show_problems(feed.problems)
    known = {one.repo.lower(): one for one in feed.wanted}
    for one in listed(request.repos):
        known.setdefault(one.repo.lower(), one)
    if not known:
        raise InputError("no repository is named")
    return select(known.values(), choice.selection, choice.min_stars)


def _say_what_is_wanted(
    request: Request, github: GitHub, n_wanted: int, n_open: int, refused: Counter[str]
) -> None:
    show(f"{_repositories(n_wanted)}, {n_wanted - n_open:,} of them done{_left_out(refused)}")
    if not request.without_api:
        _say_how_long(n_open, github)


def _left_out(refused: Counter[str]) -> str:
    return "".join(f", {count:,} {reason}" for reason, count in sorted(refused.items()))


def _say_how_long(n_asked: int, github: GitHub) -> None:
    """How long the API takes for so many questions."""
    if n_asked:
        per_hour = REQUESTS_PER_HOUR[bool(github.token)]
        minutes = math.ceil(60 * n_asked / per_hour)
        takes = f"{minutes} min" if minutes < 120 else f"{minutes / 60:,.0f} h"
        how = "with a token" if github.token else "without a token: set GITHUB_TOKEN"
        show(f"{n_asked:,} to ask for: {takes} at {per_hour:,} an hour ({how})")


def _show_problems(problems: Sequence[str]) -> None:
    for problem in problems[:SHOWN_PROBLEMS]:
        show(f"not read, or not to its end: {problem}")
    if len(problems) > SHOWN_PROBLEMS:
        show(f"… and {counted(len(problems) - SHOWN_PROBLEMS, 'hour')} more")


def _show_outcomes(what: str, outcomes: Counter[str]) -> None:
    rows = [(reason, f"{count:,}") for reason, count in outcomes.most_common()]
    show(rows_table(("outcome", what), rows))


def _say_what_came(outcomes: Counter[str], refused: Counter[str], folder: Path) -> None:
    _show_outcomes("repositories", outcomes + refused)
    if outcomes and not outcomes[HAD]:
        raise InputError(f"no repository could be had; {folder / NAME} says why")
    show(
        f"{folder / NAME} says what became of each; to read them: github.inputs = "
        f"['{folder / ARCHIVES}'], github.metadata = '{folder / REPOSITORIES}'"
    )
