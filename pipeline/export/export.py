"""`sluice export`: the shards of a run in a format that other trainers read.

    DIR/tokenizer.json          whose token ids these are
    DIR/SET/train.* (train/)    the rows of split train, in the order of the shards
    DIR/SET/heldout.*           those held out; missing where there are none

The manifest says which files make a shard set. They are read row group by row group (64 MiB of
tokens at most), of which a few copies are held. DIR is whole or not there (`whole_folder`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from pipeline.configuration.validation import nearest
from pipeline.engine.product import TOKENIZER
from pipeline.export.jsonl import JsonlWriter
from pipeline.export.litdata import LitdataWriter
from pipeline.export.mds import MdsWriter
from pipeline.export.megatron import MegatronWriter
from pipeline.export.mixture import Draw, read_mixture
from pipeline.export.samples import Samples, Target, Writer, samples_of
from pipeline.export.shard_sets import ShardFile, read_tokenizer, shard_batches, shard_sets
from pipeline.storage.location import is_remote, location, open_storage
from pipeline.storage.manifest import MANIFEST
from pipeline.storage.progress import Progress
from pipeline.storage.replace import whole_folder
from pipeline.storage.storage import LocalStorage, Storage
from schemas.shards import HELDOUT, SPLITS, TRAIN, split_of_file
from stages.ablation.training.data.specials import END_TOKENS, end_of_text
from stages.errors import ConfigError, StorageError

JSONL = "jsonl"
FORMATS: dict[str, Callable[[Target], Writer]] = {
    "megatron": MegatronWriter,
    "mds": MdsWriter,
    "litdata": LitdataWriter,
    JSONL: JsonlWriter,
}


@dataclass
class Written:
    """What became of one split of a shard set; `stem` is relative to DIR."""

    stem: str
    samples: int = 0
    tokens: int = 0
    draw: Draw | None = None
    """What of the train split was to be drawn, where the mixture was asked for."""
    drawn: int = 0
    """Tokens that were, ends not counted."""


def export(
    run: Path,
    to: str,
    out: Path,
    sets: Sequence[str],
    progress: Progress,
    *,
    append_eod: bool = False,
    mixture: bool = False,
) -> list[Written]:
    """Write shard sets (none named: all) of the run to the folder `out`; of the train splits what
    the run's mixture draws, if it is asked for. What is told of is rows; of a mixture, tokens."""
    if to not in FORMATS:
        hint = nearest(to, FORMATS)
        known = f"--to {to}: expected one of {', '.join(FORMATS)}"
        raise ConfigError(known + (f"; did you mean {hint}?" if hint else ""))
    if append_eod and to == JSONL:
        raise ConfigError(f"--append-eod is for tokens: {to} holds text")
    if mixture and sets:
        raise ConfigError(f"--set {sets[0]}: the mixture says which sets are written")
    storage = open_storage(run)
    draws = read_mixture(storage, run) if mixture else {}
    chosen = shard_sets(storage, run, sets or list(draws))
    tokenizer, ids = read_tokenizer(storage, run)
    end = _end(ids) if append_eod else None
    with _whole(out, storage) as folder:
        (folder / TOKENIZER).write_bytes(tokenizer)
        made = []
        for name, files in chosen.items():
            (folder / name).mkdir()
            exporter = _SetExporter(storage, folder, name, FORMATS[to], max(ids.values()) + 1, end)
            made += exporter.run(files, progress, draws.get(name))
    return made


class _SetExporter:
    """Writes one shard set."""

    def __init__(
        self,
        storage: Storage,
        folder: Path,
        name: str,
        writer: Callable[[Target], Writer],
        vocabulary_size: int,
        end: int | None,
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._name = name
        self._writer = writer
        self._vocabulary_size = vocabulary_size
        self._end = end
        self._writers: dict[str, Writer] = {}
        self._written: dict[str, Written] = {}

    def run(
        self, files: Sequence[ShardFile], progress: Progress, draw: Draw | None
    ) -> list[Written]:
        try:
            if draw is None:
                self._copy(files, progress)
            else:
                self._draw(files, draw, progress)
        except BaseException:
            for writer in self._writers.values():
                with suppress(OSError):  # the folder is given up, and its disk may be full
                    writer.close()
            raise
        for writer in self._writers.values():
            writer.close()
        return [self._written[split] for split in SPLITS if split in self._written]

    def _copy(self, files: Sequence[ShardFile], progress: Progress) -> None:
        total, done = sum(file.rows for file in files), 0
        for file in files:
            for batch in shard_batches(self._storage, file):
                for split in SPLITS:
                    self._write(samples_of(batch, split), split, file.path)
                done += batch.num_rows
                progress(self._name, done, total)

    def _draw(self, files: Sequence[ShardFile], draw: Draw, progress: Progress) -> None:
        """What is held out, once; of train the tokens wanted, pass after pass."""
        for path, batch in self._batches_of(files, HELDOUT):
            self._write(samples_of(batch, HELDOUT), HELDOUT, path)
        drawn = 0
        while drawn < draw.tokens:
            before = drawn
            for path, batch in self._batches_of(files, TRAIN):
                samples = samples_of(batch, TRAIN).reaching(draw.tokens - drawn)
                self._write(samples, TRAIN, path)
                drawn += len(samples.tokens)
                progress(self._name, min(drawn, draw.tokens), draw.tokens)
                if drawn >= draw.tokens:
                    break
            if drawn == before:
                raise StorageError(
                    f"{self._storage.url}: {self._name} has no tokens to train on, {MANIFEST} says "
                    f"that the mixture draws {draw.tokens:,}; `sluice run` writes it anew"
                )
        if TRAIN in self._written:
            self._written[TRAIN].draw, self._written[TRAIN].drawn = draw, drawn

    def _batches_of(
        self, files: Sequence[ShardFile], split: str
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Path and row groups of the files that may hold a split, by their names."""
        others = set(SPLITS) - {split}
        for file in files:
            if split_of_file(PurePosixPath(file.path).name) not in others:
                for batch in shard_batches(self._storage, file):
                    yield file.path, batch

    def _write(self, samples: Samples, split: str, path: str) -> None:
        if not len(samples.tokens):
            return
        largest = int(np.max(samples.tokens))
        if largest >= self._vocabulary_size:
            raise StorageError(
                f"{self._storage.url}/{path}: token id {largest:,} is none of {TOKENIZER}, whose "
                f"ids end at {self._vocabulary_size - 1:,}; `sluice verify` says what is damaged"
            )
        if self._end is not None:
            samples = samples.ended_with(self._end)
        if split not in self._writers:
            stem = self._folder / self._name / split
            target = Target(stem, self._folder / TOKENIZER, self._vocabulary_size)
            self._writers[split] = self._writer(target)
            self._written[split] = Written(f"{self._name}/{split}")
        self._writers[split].write(samples)
        self._written[split].samples += len(samples.offsets) - 1
        self._written[split].tokens += len(samples.tokens)


def _end(ids: Mapping[str, int]) -> int:
    end = end_of_text(ids)
    if end is None:
        raise ConfigError(
            f"--append-eod: {TOKENIZER} of the shards has no end-of-text token "
            f"(none of {' '.join(END_TOKENS)})"
        )
    return end


def _whole(out: Path, storage: Storage) -> AbstractContextManager[Path]:
    """`whole_folder` where an export may lie."""
    if is_remote(out):
        raise ConfigError(f"-o {location(out)}: expected a folder on a disk")
    folder = out.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"-o {location(out)}: is there already; name an empty or a new folder")
    if isinstance(storage, LocalStorage) and folder.is_relative_to(storage.root.resolve()):
        raise ConfigError(f"-o {location(out)}: lies in the run, which holds its own files alone")
    return whole_folder(folder)
