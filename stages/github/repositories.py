"""Opens any input as a `Repository`, and measures one without reading it.

A folder with git history, an installed distribution, or an archive: told by the input itself,
never by its extension.
"""

import os
from functools import partial
from pathlib import Path

from stages.contract import Input
from stages.github import archives, git, installed
from stages.github.entries import Damaged, Repository
from stages.github.identity import INSTALLED, local_name, repository_name, text_field
from stages.github.licenses import (
    MAX_LICENSE_BYTES,
    MAX_LICENSE_FILES,
    canonical_license,
    is_license_file,
    match_files,
)
from stages.github.options import GithubOptions

__all__ = ["open_repository", "repository_name", "stored_size"]


def open_repository(source: Input, options: GithubOptions) -> Repository:
    """Find out what an input is and who it is; raises `Damaged` if it is no repository."""
    if source.name.startswith(INSTALLED):
        return _open_installed(source)
    if source.folder is not None:
        return _open_git(source)
    return _open_archive(source, options)


def stored_size(source: Input) -> int:
    """Bytes an input takes where it lies, for packing repositories into shards: an archive as
    stored, the blobs of a git HEAD, the files of a distribution. 0 if it cannot be read (the
    reading will say why). The same on every machine."""
    try:
        if source.name.startswith(INSTALLED):
            return sum(size for _, size in installed.open_distribution(source).files)
        if source.folder is not None:
            return _git_size(source)
    except Damaged:
        return 0
    assert source.open is not None
    with source.open() as stream:
        if stream.seekable():
            return stream.seek(0, os.SEEK_END)
        return sum(map(len, iter(partial(stream.read, 1 << 20), b"")))


def _open_installed(source: Input) -> Repository:
    distribution = installed.open_distribution(source)
    return Repository(
        repository_name(source) or f"pypi/{distribution.name}",
        text_field(source.metadata, "revision") or distribution.version,
        _given_license(source) or installed.license_of(distribution),
        partial(installed.read_entries, distribution),
    )


def _open_git(source: Input) -> Repository:
    folder, commit = _git_head(source)
    name = repository_name(source) or local_name(source, commit or git.EMPTY_TREE)
    revision = text_field(source.metadata, "revision") or commit or git.EMPTY_TREE
    if commit is None:
        return Repository(name, revision, _given_license(source), lambda: iter(()))
    return Repository(
        name,
        revision,
        _given_license(source) or match_files(_git_licenses(folder, commit)),
        partial(git.read_entries, folder, commit),
    )


def _open_archive(source: Input, options: GithubOptions) -> Repository:
    assert source.open is not None
    survey = archives.survey_archive(source.open, options.max_archive_bytes)
    return Repository(
        repository_name(source) or local_name(source, survey.content_hash),
        text_field(source.metadata, "revision") or survey.commit or survey.content_hash,
        _given_license(source) or match_files(archives.root_licenses(survey)),
        partial(archives.read_entries, source.open, options.max_archive_bytes, survey.top),
    )


def _given_license(source: Input) -> str | None:
    return canonical_license(text_field(source.metadata, "license"))


def _git_head(source: Input) -> tuple[Path, str | None]:
    assert source.folder is not None
    folder = git.git_dir(source.folder)
    if folder is None:
        raise Damaged("unreadable", "the folder is neither a git repository nor a package")
    return folder, git.head_commit(folder, text_field(source.metadata, "revision"))


def _git_licenses(folder: Path, commit: str) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    with git.BlobReader(folder) as blobs:
        for file in git.tree_files(folder, commit, recursive=False):
            if (
                file.mode.startswith(b"100")
                and 0 <= file.size <= MAX_LICENSE_BYTES
                and is_license_file(file.path)
                and len(texts) < MAX_LICENSE_FILES
            ):
                texts[file.path] = blobs.read(file.object_name)
    return texts


def _git_size(source: Input) -> int:
    folder, commit = _git_head(source)
    if commit is None:
        return 0
    return sum(max(file.size, 0) for file in git.tree_files(folder, commit))
