"""Opens any input as a `Repository`.

A folder with git history, an installed distribution, or an archive: told by the input itself,
never by its extension.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice

from stages.contract import Input
from stages.github import installed
from stages.github.archives.stored import StoredBytes
from stages.github.archives.survey import read_entries as read_archive
from stages.github.archives.survey import root_licenses, survey_archive
from stages.github.entries import Damaged, Repository
from stages.github.git import tree
from stages.github.git.tree import BlobReader, GitFolder
from stages.github.identity import INSTALLED, local_name, metadata_of, name_of
from stages.github.licenses import (
    MAX_LICENSE_BYTES,
    MAX_LICENSE_FILES,
    canonical_license,
    is_license_file,
    match_files,
)
from stages.github.options import GithubOptions

__all__ = ["open_repository"]


def open_repository(source: Input, options: GithubOptions) -> AbstractContextManager[Repository]:
    """Find out what an input is and who it is; its entries can be read while the context lasts.
    Entering raises `Damaged` if the input is no repository."""
    if source.name.startswith(INSTALLED):
        return _installed(source)
    if source.folder is not None:
        return _git(source, options)
    return _archive(source, options)


@contextmanager
def _installed(source: Input) -> Iterator[Repository]:
    distribution = installed.open_distribution(source)
    yield Repository(
        name_of(source, None) or f"pypi/{distribution.name}",
        metadata_of(source).revision or distribution.version,
        _given_license(source) or installed.license_of(distribution),
        partial(installed.read_entries, distribution),
    )


@contextmanager
def _git(source: Input, options: GithubOptions) -> Iterator[Repository]:
    assert source.folder is not None
    folder = tree.open_git(source.folder, options.git_seconds)
    given = metadata_of(source).revision
    commit = tree.head_commit(folder, given)
    name = name_of(source, folder.remote) or local_name(source, commit or tree.EMPTY_TREE)
    revision = given or commit or tree.EMPTY_TREE
    if commit is None:
        yield Repository(name, revision, _given_license(source), lambda: iter(()))
        return
    with BlobReader(folder, options.max_file_bytes) as blobs:
        texts = _root_licenses(folder, commit, blobs, options)
        yield Repository(
            name,
            revision,
            _given_license(source) or match_files(texts),
            partial(tree.read_entries, folder, commit, blobs),
        )


@contextmanager
def _archive(source: Input, options: GithubOptions) -> Iterator[Repository]:
    assert source.open is not None
    with source.open() as stream, StoredBytes(stream, options.max_archive_bytes) as stored:
        survey = survey_archive(stored, options)
        yield Repository(
            name_of(source, None) or local_name(source, survey.content_hash),
            metadata_of(source).revision or survey.commit or survey.content_hash,
            _given_license(source) or match_files(root_licenses(survey)),
            partial(read_archive, stored, options, survey.top),
        )


def _given_license(source: Input) -> str | None:
    return canonical_license(metadata_of(source).license)


def _root_licenses(
    folder: GitFolder, commit: str, blobs: BlobReader, options: GithubOptions
) -> dict[str, bytes]:
    """The licence texts at the root; one that is broken is found out when the files are read."""
    texts: dict[str, bytes] = {}
    for file in islice(tree.tree_files(folder, commit, recursive=False), options.max_files):
        if (
            file.mode.startswith(b"100")
            and 0 <= file.size <= MAX_LICENSE_BYTES
            and is_license_file(file.path)
            and len(texts) < MAX_LICENSE_FILES
        ):
            try:
                texts[file.path] = blobs.read(file)
            except Damaged as damage:
                if damage.reason == "timeout":
                    raise
    return texts
