"""Repositories as archives: the API says what each is called and when it was created, codeload
packs it, `ledger.jsonl` says what became of it.

`DIR/archives/OWNER__REPO.tar.gz` are what `github.inputs` reads, `DIR/repositories.jsonl` is its
`github.metadata`. A repository is done once the ledger says so. What failed for want of a
connection, and what an option left out, is asked for again by the next command, the rest only by
`update`: by its ETag, so that what has not changed is not sent again.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.github.access import GitHub
from pipeline.github.answers import LEGAL, MAX_REDIRECTS, NOT_FOUND, REFUSED, Unavailable, Unchanged
from pipeline.github.api import Api, Facts
from pipeline.github.codeload import DEFAULT_BRANCH, Archive, Codeload, Moved
from pipeline.github.ledger import FAILED, HAD, Entry, Ledger
from pipeline.github.wanted import FEW_STARS, Wanted, refuses
from pipeline.storage.digest import fingerprint
from pipeline.storage.politeness.turns import in_turn, workers
from pipeline.storage.progress import Progress
from pipeline.storage.replace import replacing
from stages.errors import StorageError
from stages.github.metadata import Metadata
from stages.github.selection import CHOICES, OPT_OUT, Selection

log = logging.getLogger("sluice")

ARCHIVES = "archives"
REPOSITORIES = "repositories.jsonl"
DUPLICATE = "duplicate"
MAX_STEM_CHARACTERS = 200
ASKED_AGAIN = frozenset({FAILED, FEW_STARS, *CHOICES})
"""Outcomes that are not final."""
WITHDRAWN = frozenset({OPT_OUT, LEGAL})
"""Outcomes for which what is here is removed; else it stays when it cannot be had again."""
MAX_FAILED_IN_A_ROW = 20
"""Then it is not the repositories."""


@dataclass(frozen=True)
class Choice:
    """Which repositories are fetched, and how thoroughly they are asked about."""

    selection: Selection
    min_stars: int = 0
    asks_api: bool = True
    """Else the API is asked only where a repository is not found: it may have moved."""
    update: bool = False


def is_open(entry: Entry | None, folder: Path, choice: Choice) -> bool:
    """Whether a repository has to be asked for."""
    if entry is None or choice.update or entry.outcome in ASKED_AGAIN:
        return True
    return entry.outcome == HAD and not _is_here(entry, folder)


def crawl(
    wanted: Sequence[Wanted], choice: Choice, github: GitHub, folder: Path, progress: Progress
) -> Counter[str]:
    """Fetch what is not here yet; how many repositories came to which outcome."""
    ledger = Ledger(folder)
    visit = _Visit(choice, github, folder, ledger)
    try:
        visit.withdraw()
        todo = [one for one in wanted if is_open(ledger.get(one.repo), folder, choice)]
        done = len(wanted) - len(todo)
        progress("repositories", done, len(wanted))
        with workers(github.connections, visit.stop) as pool:
            for _ in in_turn(pool, visit.ask, todo, 4 * github.connections):
                done += 1
                progress("repositories", done, len(wanted))
    finally:
        ledger.close()
        write_repositories(ledger, folder)
    outcomes = (ledger.get(one.repo) for one in wanted)
    return Counter(entry.outcome for entry in outcomes if entry is not None)


def write_repositories(ledger: Ledger, folder: Path) -> None:
    """`github.metadata` of the archives that are here. GitHub's guess of a licence stays under a
    name of its own: the archive's texts say more."""
    with replacing(folder / REPOSITORIES) as stream:
        for entry in ledger:
            if not _is_here(entry, folder):
                continue
            row = {
                "input": entry.archive,
                "repo": entry.repo,
                "revision": entry.revision,
                "created_at": entry.created_at,
                "stars": entry.stars,
                "id": entry.id,
                "asked": entry.asked if entry.is_moved else None,
                "github_license": entry.license,
                "source": "codeload",
            }
            known = {name: value for name, value in row.items() if value is not None}
            stream.write(json.dumps(known).encode() + b"\n")


@dataclass
class _Visit:
    """One crawl: what its threads share."""

    choice: Choice
    github: GitHub
    folder: Path
    ledger: Ledger
    owners: dict[str, str] = field(default_factory=dict)
    """Repository → who asked for it, where two names are one repository."""
    n_failed: int = 0

    def __post_init__(self) -> None:
        self._mutex = threading.Lock()
        self._api = Api(self.github)
        self._codeload = Codeload(self.github)
        for entry in self.ledger:
            if entry.outcome == HAD and entry.repo is not None:
                self.owners[entry.repo.lower()] = entry.asked.lower()

    def stop(self, why: str) -> None:
        self._api.stop(why)
        self._codeload.stop(why)

    def withdraw(self) -> None:
        """Remove what is here and has opted out since."""
        for entry in self.ledger:
            names = {entry.asked, entry.repo or entry.asked}
            if entry.outcome == HAD and OPT_OUT in map(self.choice.selection.refuses, names):
                self._withdraw(entry, Entry(entry.asked, OPT_OUT, repo=entry.repo))

    def ask(self, one: Wanted) -> None:
        """Fetch a repository, and write down what became of it."""
        known = self.ledger.get(one.repo)
        is_here = known is not None and _is_here(known, self.folder)
        here = known if is_here else None
        try:
            entry = self._fetched(one, here)
            self.n_failed = 0
        except Unavailable as error:
            entry = Entry(one.repo, error.reason, error.error)
        except StorageError as error:
            entry = Entry(one.repo, FAILED, str(error))
            self.n_failed += 1
        if here is None or entry.outcome == HAD:
            self.ledger.add(entry)
        elif entry.outcome in WITHDRAWN:
            self._withdraw(here, entry)
        else:
            log.warning("%s is not updated: %s", one.repo, entry.error or entry.outcome)
        if self.n_failed >= MAX_FAILED_IN_A_ROW:
            raise StorageError(
                f"{MAX_FAILED_IN_A_ROW} repositories in a row could not be had; the last: "
                f"{entry.error}"
            )

    def _withdraw(self, here: Entry, now: Entry) -> None:
        _place(self.folder, here.archive).unlink(missing_ok=True)
        self.ledger.add(now)

    def _fetched(self, one: Wanted, here: Entry | None) -> Entry:
        facts = Facts(one.repo, one.id, one.created_at, one.stars)
        is_known = self.choice.asks_api
        if is_known:
            facts = self._facts(one, here)
        for _ in range(MAX_REDIRECTS):
            refused = self._refuses(one, facts)
            if refused is not None:
                return refused
            try:
                return self._archived(one, facts, here)
            except Moved as moved:
                facts = replace(facts, repo=moved.repo)
            except Unavailable as error:
                if error.reason != NOT_FOUND or is_known:
                    raise
                facts, is_known = self._api.facts(one.repo), True  # it may have moved
        raise Unavailable(
            REFUSED, f"moved more than {MAX_REDIRECTS} times, at last to {facts.repo}"
        )

    def _facts(self, one: Wanted, here: Entry | None) -> Facts:
        """What the API says today; of what has not changed since, what it said then."""
        if here is None or here.repo is None or here.api_etag is None:
            return self._api.facts(one.repo)
        try:
            return self._api.facts(here.repo, here.api_etag)
        except Unchanged:
            known = Metadata.of({"created_at": here.created_at, "stars": here.stars})
            return Facts(
                here.repo, here.id, known.created_at, known.stars, here.license, here.api_etag
            )

    def _refuses(self, one: Wanted, facts: Facts) -> Entry | None:
        """Why it is not fetched: by an option, or because it is another name of what is."""
        choice = self.choice
        reason = refuses(
            choice.selection, choice.min_stars, facts.repo, facts.created_at, facts.stars
        )
        error = None
        if reason is None:
            with self._mutex:
                owner = self.owners.setdefault(facts.repo.lower(), one.repo.lower())
            if owner != one.repo.lower():
                reason, error = DUPLICATE, f"{owner} is the same repository"
        return None if reason is None else Entry(one.repo, reason, error, repo=facts.repo)

    def _archived(self, one: Wanted, facts: Facts, here: Entry | None) -> Entry:
        place = _place(self.folder, _archive_name(facts.repo))
        is_here = here is not None and here.archive == place.name and place.exists()
        try:
            archive = self._codeload.fetch(
                facts.repo, DEFAULT_BRANCH, place, here.etag if here and is_here else None
            )
        except Unchanged:
            assert here is not None
            archive = Archive(here.revision, here.etag, here.size or 0)
        if here is not None and here.archive != place.name:
            _place(self.folder, here.archive).unlink(missing_ok=True)
        return Entry(
            asked=one.repo,
            outcome=HAD,
            repo=facts.repo,
            id=facts.id,
            created_at=facts.created_at.isoformat() if facts.created_at else None,
            stars=facts.stars,
            license=facts.license,
            api_etag=facts.etag,
            archive=place.name,
            revision=archive.commit,
            etag=archive.etag,
            size=archive.size,
        )


def _place(folder: Path, archive: str | None) -> Path:
    return folder / ARCHIVES / (archive or "none")


def _is_here(entry: Entry, folder: Path) -> bool:
    return entry.outcome == HAD and _place(folder, entry.archive).exists()


def _archive_name(repo: str) -> str:
    """OWNER__REPO.tar.gz; with a digest where that is too long, or may be two repositories."""
    owner, _, name = repo.partition("/")
    stem = f"{owner}__{name}"
    if "__" in owner or owner.endswith("_") or len(stem) > MAX_STEM_CHARACTERS:
        stem = f"{stem[:MAX_STEM_CHARACTERS]}-{fingerprint(repo.lower())[:12]}"
    return f"{stem}.tar.gz"
