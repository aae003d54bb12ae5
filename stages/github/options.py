"""What a user may set about reading repositories."""

import datetime
from typing import Annotated, Literal

from pydantic import Field

from stages.contract import NamesFiles, Options

MIB = 1 << 20


class TableColumns(Options):
    """Which column of a table is what. A dotted name is a field of a struct, or of the structs of
    a list: then a row is a repository."""

    text: str = Field(description="contents of the file")
    path: str | None = Field(None, description="path in the repository")
    repo: str | None = Field(None, description="OWNER/REPO")
    revision: str | None = Field(None, description="commit")
    created_at: str | None = Field(None, description="when the repository was created")
    stars: str | None = Field(None, description="stars of the repository")
    license: str | None = Field(None, description="licence, or a list of licences")
    is_vendor: str | None = Field(None, description="whether the file is somebody else's")
    size: str | None = Field(None, description="bytes of the contents")


class GithubOptions(Options):
    """What is read, and the limits that keep a hostile repository from filling memory, disk or
    time."""

    max_file_bytes: int = Field(
        16 * MIB, gt=0, description="larger files are skipped as `too_large`"
    )
    max_archive_bytes: int = Field(
        8 << 30,
        gt=0,
        description="bytes one repository may expand to; what follows is quarantined as `limit`",
    )
    max_files: int = Field(
        1_000_000,
        gt=0,
        description="files one repository may hold; what follows is quarantined as `limit`",
    )
    git_seconds: float = Field(
        30.0,
        gt=0,
        description="seconds git may take over one answer; then the rest of the repository is "
        "quarantined as `timeout`",
    )
    columns: TableColumns | None = Field(
        None,
        description="which column of a Parquet or JSONL table is what: `text`, and if known "
        "`path`, `repo`, `revision`, `created_at`, `stars`, `license`, `is_vendor`, `size`; "
        "default: the dumps that docs/github.md names are told by their columns",
    )
    bigquery_files: Annotated[tuple[str, ...], NamesFiles()] = Field(
        (),
        description="Parquet files, or folders of them, with BigQuery's `files`: where the files "
        "of its `contents` are from",
    )
    created_before: datetime.date | None = Field(
        None,
        description="repositories created on that day (UTC) or later are skipped as "
        "`created_late`; the paper's day is 2023-11-01",
    )
    unknown: Literal["keep", "drop"] = Field(
        "keep",
        description="with `created_before`: what becomes of a repository whose creation is not "
        "known; dropped, it is skipped as `created_unknown`",
    )
    include_owners: tuple[str, ...] = Field(
        (), description="owners to keep, by name or glob; the rest is skipped as `owner`"
    )
    exclude_owners: tuple[str, ...] = Field(
        (), description="owners to leave out, by name or glob; skipped as `owner`"
    )
    include_repositories: tuple[str, ...] = Field(
        (), description="OWNER/REPO to keep, by name or glob; the rest is skipped as `repository`"
    )
    exclude_repositories: tuple[str, ...] = Field(
        (), description="OWNER/REPO to leave out, by name or glob; skipped as `repository`"
    )
    include_licenses: tuple[str, ...] = Field(
        (),
        description="SPDX identifiers to keep, by name or glob, `unknown` where none is known; the "
        "rest is skipped as `license`",
    )
    exclude_licenses: tuple[str, ...] = Field(
        (), description="SPDX identifiers to leave out, by name or glob, or `unknown`"
    )
    opt_out: Annotated[tuple[str, ...], NamesFiles()] = Field(
        (),
        description="files with an owner or OWNER/REPO a line, `#` before a remark: what is "
        "theirs is skipped as `opt_out` before it is read",
    )
