"""Where a run folder lies, as users write it: a path, or a URL (`s3://bucket/prefix`, `gs://…`).

The command line and the configuration hold it as a `Path`, which writes `s3:/bucket/prefix`; both
spellings name the same place.
"""

import re
from pathlib import Path

from pipeline.storage.credentials import without_credentials
from pipeline.storage.storage import LocalStorage, Storage
from stages.errors import ConfigError

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/{1,2}(.*)", re.DOTALL)


def is_remote(run: Path | str) -> bool:
    """Whether a run folder lies on a store."""
    return _URL.fullmatch(str(run)) is not None


def location(run: Path | str) -> str:
    """The run folder for messages and files: a path (bytes of it that are no UTF-8 escaped), or a
    URL with its two slashes."""
    match = _URL.fullmatch(str(run))
    if match is None:
        return str(run).encode("utf-8", "backslashreplace").decode()
    written: str = without_credentials(f"{match[1]}://{match[2]}")
    return written


def _folder(run: Path) -> Path:
    """The absolute path of a run folder that is there or can be made."""
    try:
        folder = run.resolve()
        there = next(path for path in (folder, *folder.parents) if _is_there(path))
        if there.is_dir():
            return folder
        why = f"{there} is {'a loop of links' if there.is_symlink() else 'no folder'}"
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name too long, a NUL
        why = str(error)
    raise ConfigError(f"run = {str(run)!r}: no run folder can be there: {why}")


def _is_there(path: Path) -> bool:
    """Whether something is, a link that leads nowhere included."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def open_storage(run: Path | str) -> Storage:
    """The run folder's storage. ConfigError for a place where no run can be."""
    match = _URL.fullmatch(str(run))
    if match is None:
        return LocalStorage(_folder(Path(run)))
    scheme, rest = match[1], match[2].strip("/")
    if not rest or "@" in rest.partition("/")[0] or scheme in ("http", "https", "file"):
        raise ConfigError(
            f"run = {location(run)!r}: expected a path, or a URL such as s3://bucket/prefix "
            "(credentials come from the environment)"
        )
    # Imported here: a run on a disk should not pay for a store's client.
    from pipeline.storage.object_stores.object_storage import ObjectStorage  # noqa: PLC0415
    from pipeline.storage.object_stores.remote import open_store  # noqa: PLC0415

    return ObjectStorage(*open_store(scheme, rest))
