"""`sluice remove`: documents leave a run for good."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.inspection.counted import counted
from stages.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.removal.absence import Absence
    from pipeline.removal.report import Removed

FAILED = 1
MAX_SHOWN = 20
LIST = "VALUE|@FILE|-"

UriOption = Annotated[
    list[str] | None,
    typer.Option("--uri", metavar=LIST, help="Documents with this uri, or pages with this URL."),
]
RepoOption = Annotated[
    list[str] | None,
    typer.Option("--repo", metavar=LIST, help="All of a repository, OWNER/REPO: files and issues."),
]
DomainOption = Annotated[
    list[str] | None,
    typer.Option(
        "--domain", metavar=LIST, help="All pages of a registered domain, or of one host."
    ),
]
DocIdOption = Annotated[
    list[str] | None,
    typer.Option("--doc-id", metavar=LIST, help="A document by its doc_id, or its first digits."),
]


def remove(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/demo.")],
    uri: UriOption = None,
    repo: RepoOption = None,
    domain: DomainOption = None,
    doc_id: DocIdOption = None,
    why: Annotated[
        str | None,
        typer.Option("--why", metavar="TEXT", help="Noted beside the entries until a purge."),
    ] = None,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Take all that was ever removed out of every file of the run, and prove that it "
            "is gone.",
        ),
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tasks at once, with --address.")
    ] = None,
    address: Annotated[
        str,
        typer.Option(metavar="auto|local|ray://…", help="As of `run`; local: this process."),
    ] = "local",
) -> None:
    """Take documents out of a run, its shards at once, and keep them out of every later run.

    Each option takes a value, @FILE with one a line, or - for standard input, and
    may be repeated. Shard files that hold none of the documents are left alone.
    What dedup dropped because it repeats them stays out, too. The sources that the
    run was read from are yours, and are not touched.
    """
    from rich.console import Console  # noqa: PLC0415

    from pipeline.cli.bars import bars  # noqa: PLC0415
    from pipeline.cli.rendering import show  # noqa: PLC0415
    from pipeline.removal.remove import remove as remove_from  # noqa: PLC0415
    from schemas.removals import DOCUMENT, DOMAIN, REPO, URI  # noqa: PLC0415

    given = {URI: uri, REPO: repo, DOMAIN: domain, DOCUMENT: doc_id}
    wanted = {key: read_lists(values or [], key) for key, values in given.items()}
    with bars(Console(stderr=True)) as progress:
        removed = remove_from(
            run,
            wanted,
            why=why,
            purge=purge,
            address=address,
            workers=workers,
            progress=progress,
        )
    for line in lines(removed):
        show(line)
    if removed.absence is not None and not removed.absence.is_proven:
        raise typer.Exit(FAILED)


def read_lists(values: list[str], key: str) -> list[str]:
    """The values that an option was given: themselves, or the lines of files."""
    from pipeline.cli.shell.arguments import require_text  # noqa: PLC0415

    found: list[str] = []
    for value in values:
        require_text(value, f"--{key.replace('_', '-')}")
        if value == "-":
            found += sys.stdin.read().splitlines()
        elif value.startswith("@"):
            found += _read(Path(value[1:]))
        else:
            found.append(value)
    return [line for line in map(str.strip, found) if line]


def _read(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ConfigError(f"@{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"@{path}: not UTF-8 (byte {error.start})") from error


def lines(removed: "Removed") -> list[str]:
    """What a removal did, in sentences."""
    said = [
        f"{one.key} {one.value}: "
        f"{counted(one.n_documents, 'document') if one.n_documents else 'nothing'}"
        for one in removed.entries[:MAX_SHOWN]
    ]
    if len(removed.entries) > MAX_SHOWN:
        empty = sum(not one.n_documents for one in removed.entries)
        said.append(f"{len(removed.entries):,} entries in all, {empty:,} of which name nothing yet")
    said.append(f"in the run, all entries so far name {counted(removed.n_documents, 'document')}")
    if removed.n_repeats:
        was = "was a dropped duplicate" if removed.n_repeats == 1 else "were dropped duplicates"
        stays = "stays" if removed.n_repeats == 1 else "stay"
        said.append(f"{removed.n_repeats:,} of them {was} of the others and {stays} out, too")
    if removed.n_kept_twins:
        kept = counted(removed.n_kept_twins, "document")
        said.append(f"removed ones repeat {kept} of another origin: not named, so kept")
    if removed.waits is not None:
        said.append(f"the shards are as they were: {removed.waits}; that leaves them out")
    else:
        said.append(_anew(removed.n_files, "shard file"))
    if removed.lacks is not None:
        said.append(removed.lacks)
    if removed.absence is not None:
        said.append(f"purged: {_anew(removed.n_purged_files, 'other file')}")
        said += _proof(removed.absence)
    return said


def _anew(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'} written anew"


def _proof(found: "Absence") -> list[str]:
    files = ", ".join(f"{n:,} {kind}" for kind, n in sorted(found.files.items()))
    looked = ", ".join(f"{n:,} of {kind}" for kind, n in found.needles.items())
    what = f"{counted(found.n_documents, 'document')} by {looked}"
    said = [f"searched {files} ({found.n_bytes:,} bytes, packed and unpacked) for {what}"]
    said += [f"remains: {one}" for one in found.leftovers[:MAX_SHOWN]]
    said += [f"cannot be searched: {one}/; delete it and make it anew" for one in found.uncovered]
    said += [
        f"{counted(n, 'time')} other documents in {table} hold the same text: not named, so they "
        "stay"
        for table, n in sorted(found.copies.items())
    ]
    if found.mentions:
        said.append(
            f"{counted(found.mentions, 'time')} the text of another document names a purged one"
        )
    if found.is_proven:
        said.append("nothing of the purged documents remains; models that learned from them do")
    else:
        said.append(f"absence is not proven: {counted(len(found.leftovers), 'place')}")
    return said
