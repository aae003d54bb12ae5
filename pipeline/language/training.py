"""`sluice language train`: a table of labelled files becomes the classifier's table.

The files' columns are `content` (bytes) or `text`, `language` (null where it is none), `source` (a
repository: what is held out together), and optionally `other` (what a file in no language is).
Memory: the files, and 100 bytes for each of theirs while features are counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from pipeline.configuration import load_stage
from pipeline.storage.replace import replacing
from pipeline.storage.user_tables import column_names, read_rows, require_file
from stages.errors import ConfigError, InputError
from stages.kernels.languages.model import LanguageTable, class_of
from stages.language.classifier.train import ClassifierTraining, train_table
from stages.language.names import name_tables


@dataclass
class _Files:
    texts: list[bytes] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    n_left_out: int = 0


@dataclass(frozen=True)
class TrainedTable:
    """A table, written."""

    table: LanguageTable
    n_bytes: int
    n_left_out: int


def train_on_files(
    table: Path, out: Path, overrides: Sequence[str], say: Callable[[str], None]
) -> TrainedTable:
    """Train on the files in `table` and write what was learned to `out`."""
    options = load_stage(ClassifierTraining, overrides)
    require_file(out)
    files = _read(table)
    try:
        trained = train_table(files.texts, files.classes, files.sources, options, say)
    except InputError as error:
        raise InputError(f"{table}: {error}") from error
    trained = replace(trained, record={"table_name": table.name, **trained.record})
    data = trained.to_bytes()
    with replacing(out) as stream:
        stream.write(data)
    return TrainedTable(trained, len(data), files.n_left_out)


def _read(table: Path) -> _Files:
    if not table.is_file():
        raise ConfigError(f"{table}: no such file")
    there = column_names(table)
    text = next((name for name in ("content", "text") if name in there), None)
    missing = [name for name in ("language", "source") if name not in there]
    if text is None or missing:
        wanted = "'content' or 'text'" if text is None else repr(missing[0])
        raise ConfigError(f"{table}: needs the column {wanted}; it has {', '.join(sorted(there))}")
    types = {text: pa.large_binary(), "language": pa.string(), "source": pa.string()}
    if "other" in there:
        types["other"] = pa.string()
    supported = name_tables().supported
    files = _Files()
    for rows in read_rows(table, types):
        for number, row in enumerate(rows.batch.to_pylist()):
            content, language, source = row[text], row["language"], row["source"]
            if number in rows.broken or not content or source is None:
                files.n_left_out += 1
                continue
            if language is not None and language not in supported:
                raise InputError(
                    f"{table}: {language!r} is none of the 338 languages (seeds/languages.tsv); "
                    "name it in `other` and leave `language` null"
                )
            files.texts.append(content)
            files.classes.append(class_of(language, row.get("other")))
            files.sources.append(source)
    return files
