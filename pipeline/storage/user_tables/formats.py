"""Which files can be read and written, and whether one can be where it is to be."""

from pathlib import Path

from stages.errors import ConfigError

FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")


def require_file(path: Path) -> None:
    """ConfigError unless a file can be written there: before hours go into what is to be in it."""
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; expected the name of a file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}")


def require_format(path: Path) -> None:
    """ConfigError unless the file's name ends in one of the formats."""
    if not path.name.endswith(FORMATS):
        raise ConfigError(f"{path}: expected a name ending in {', '.join(FORMATS)}")
