"""Opens any input as a `Repository`.

A folder with git history, an installed distribution, an archive or a git bundle: told by the input
itself, never by its extension.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain, islice

from stages.contract import Input
from stages.github import installed
from stages.github.archives.stored import StoredBytes
from stages.github.archives.survey import (
    SNIFF_BYTES,
    read_up_to,
    root_licenses,
    stated_license,
    survey_archive,
)
from stages.github.archives.survey import read_entries as read_archive
from stages.github.entries import Damaged, Repository
from stages.github.git import tree
from stages.github.git.bundle import SIGNATURES, unpacked
from stages.github.git.head import head_commit
from stages.github.git.tree import BlobReader, GitFolder, TreeFile
from stages.github.identity import INSTALLED, local_name, metadata_of, name_of
from stages.github.licensing.names import canonical_license
from stages.github.licensing.repository import (
    FOLDER,
    MAX_LICENSE_BYTES,
    MAX_LICENSE_FILES,
    is_of_interest,
    repository_license,
)
from stages.github.licensing.stated import FileLicenses
from stages.github.options import GithubOptions

__all__ = ["open_repository"]


def open_repository(source: Input, options: GithubOptions) -> AbstractContextManager[Repository]:
    """Find out what an input is and who it is; its entries can be read while the context lasts.
    Entering raises `Damaged` if the input is no repository."""
    if source.name.startswith(INSTALLED):
        return _installed(source)
    if source.folder is not None:
        return _git(source, options)
    return _file(source, options)


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
    with _in_git(source, folder, options) as repository:
        yield repository


@contextmanager
def _in_git(
    source: Input, folder: GitFolder, options: GithubOptions, content_hash: str | None = None
) -> Iterator[Repository]:
    """The repository in a git folder; nameless, it is called by its content or commit."""
    given = metadata_of(source).revision
    commit = head_commit(folder, given)
    revision = commit or tree.EMPTY_TREE
    name = name_of(source, folder.remote) or local_name(source, content_hash or revision)
    revision = given or revision
    if commit is None:
        yield Repository(name, revision, _given_license(source), lambda: iter(()))
        return
    with BlobReader(folder, options.max_file_bytes) as blobs:
        texts = _root_licenses(folder, commit, blobs, options)
        stated = _stated_licenses(folder, commit, blobs, options)
        yield Repository(
            name,
            revision,
            _given_license(source) or repository_license(texts),
            partial(tree.read_entries, folder, commit, blobs),
            stated.of,
        )


@contextmanager
def _file(source: Input, options: GithubOptions) -> Iterator[Repository]:
    """An archive or a bundle."""
    assert source.open is not None
    with source.open() as stream, StoredBytes(stream, options.max_archive_bytes) as stored:
        first = read_up_to(stored, SNIFF_BYTES)
        if not first.startswith(SIGNATURES):
            yield _archive(source, stored, first, options)
            return
        content_hash = stored.finish()
        with (
            unpacked(stored.again(), options.git_seconds) as folder,
            _in_git(source, folder, options, content_hash) as repository,
        ):
            yield repository


def _archive(
    source: Input, stored: StoredBytes, first: bytes, options: GithubOptions
) -> Repository:
    survey = survey_archive(stored, first, options)
    return Repository(
        name_of(source, None) or local_name(source, survey.content_hash),
        metadata_of(source).revision or survey.commit or survey.content_hash,
        _given_license(source) or repository_license(root_licenses(survey)),
        partial(read_archive, stored, options, survey.top),
        partial(stated_license, survey),
    )


def _given_license(source: Input) -> str | None:
    return canonical_license(metadata_of(source).license)


def _root_licenses(
    folder: GitFolder, commit: str, blobs: BlobReader, options: GithubOptions
) -> dict[str, bytes]:
    """The licence texts at the root; one that is broken is found out when the files are read."""
    texts: dict[str, bytes] = {}
    root = tree.tree_files(folder, commit, recursive=False)
    inside = tree.tree_files(folder, commit, recursive=False, under=FOLDER)
    for file in islice(chain(root, inside), options.max_files):
        if (
            file.mode.startswith(b"100")
            and 0 <= file.size <= MAX_LICENSE_BYTES
            and is_of_interest(file.path)
            and len(texts) < MAX_LICENSE_FILES
            and (data := _read_if_whole(blobs, file)) is not None
        ):
            texts[file.path] = data
    return texts


def _stated_licenses(
    folder: GitFolder, commit: str, blobs: BlobReader, options: GithubOptions
) -> FileLicenses:
    """What is stated of single files."""
    stated = FileLicenses()
    for file in islice(tree.tree_files(folder, commit), options.max_files):
        if (
            file.mode.startswith(b"100")
            and stated.wants(file.path, file.size)
            and (data := _read_if_whole(blobs, file)) is not None
        ):
            stated.note(file.path, data)
    return stated


def _read_if_whole(blobs: BlobReader, file: TreeFile) -> bytes | None:
    try:
        return blobs.read(file)
    except Damaged as damage:
        if damage.reason == "timeout":
            raise
        return None
