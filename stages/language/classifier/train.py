"""From labelled files to a table with a confidence, and what it does on unseen repositories.

Repositories are dealt into folds; each fold is judged by a table trained on the others. From those
answers come the confidence (`calibrate.py`) and the figures in the record. The table itself learns
from everything. All is seeded: the same files give the same table on one kind of processor.

Cost: 16,000 files of 3 kB with five folds take 5 minutes of one core and 2 GB.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
import xxhash
from pydantic import Field

from stages.contract import Options
from stages.errors import InputError
from stages.kernels.arrow import utf8_buffers
from stages.kernels.elementary import Float64, log
from stages.kernels.languages.model import (
    NONE,
    STEP,
    Confidence,
    LanguageTable,
    log_length,
    log_odds,
)
from stages.language.classifier.calibrate import Answers, figures, fit_confidence
from stages.language.classifier.examples import (
    Corpus,
    Counted,
    Labelled,
    count_features,
    with_crops,
)
from stages.language.classifier.fit import SCALE, Fitted, fit, shares

Int64 = npt.NDArray[np.int64]
LARGEST = 255
_UNCALIBRATED = Confidence(constant=0.0, of_odds=1.0, of_length=0.0, of_both=0.0)
Say = Callable[[str], None]


class ClassifierTraining(Options):
    """How `sluice language train` learns."""

    max_entries: int = Field(
        1_200_000, ge=1, description="entries of the table, about 2.5 bytes each in its file"
    )
    min_files: int = Field(4, ge=1, description="files that a feature must be in")
    folds: int = Field(
        5, ge=2, description="parts that repositories are dealt into, for the figures"
    )
    seed: int = Field(0, ge=0, description="of crops, folds and the order of tuning")


@dataclass(frozen=True)
class _Task:
    """What all folds share."""

    labelled: Labelled
    corpus: Corpus
    names: tuple[str, ...]
    classes: npt.NDArray[np.int32]
    sources: npt.NDArray[np.int32]
    options: ClassifierTraining

    def table(self, rows: Int64) -> LanguageTable:
        """A table that learned from some of the examples, uncalibrated."""
        fitted = fit(
            self._counted(rows),
            len(self.corpus.features),
            len(self.names),
            self.options.max_entries,
            self.options.seed,
        )
        return _rounded(fitted, self.corpus, self.names, self._commonness(rows))

    def _commonness(self, rows: Int64) -> Float64:
        pairs = np.unique(np.column_stack([self.classes[rows], self.sources[rows]]), axis=0)
        n_sources = np.bincount(pairs[:, 0], minlength=len(self.names))
        return log(np.maximum(n_sources, 1))

    def _counted(self, rows: Int64) -> Counted:
        starts, places, weights = self.corpus.rows(rows)
        classes, sources = self.classes[rows], self.sources[rows]
        whole = self.labelled.whole[rows]
        is_whole = whole == rows
        share = np.zeros(len(rows))
        share[is_whole] = shares(classes[is_whole], sources[is_whole])
        return Counted(starts, places, weights, classes, _groups(classes, sources, whole), share)


def train_table(
    texts: Sequence[bytes],
    classes: Sequence[str],
    sources: Sequence[str],
    options: ClassifierTraining,
    say: Say = lambda _: None,
) -> LanguageTable:
    """Learn from files, the class and the repository of each."""
    names = tuple(sorted(set(classes)))
    if sum(not name.startswith(NONE) for name in names) < 2:
        raise InputError("files of at least two languages are needed to tell them apart")
    if len(set(sources)) < options.folds:
        raise InputError(f"{len(set(sources))} sources cannot be dealt into {options.folds} folds")
    labelled = with_crops(texts, classes, sources, options.seed)
    corpus = count_features(labelled, options.min_files)
    if not len(corpus.features):
        raise InputError(f"nothing occurs in {options.min_files} files (min_files)")
    task = _Task(
        labelled,
        corpus,
        names,
        np.searchsorted(names, labelled.classes).astype(np.int32),
        np.unique(labelled.sources, return_inverse=True)[1].astype(np.int32),
        options,
    )
    say(f"{len(texts):,} files, {len(names)} classes, {len(corpus.features):,} features")
    answers = _cross_validate(task, say)
    confidence = fit_confidence(answers)
    table = task.table(np.arange(len(labelled.texts)))
    return replace(
        table,
        confidence=confidence,
        record={
            "options": options.model_dump(),
            "files": {
                "n": len(texts),
                "languages": sum(not name.startswith(NONE) for name in names),
                "sources": len(set(sources)),
                "xxh3": examples_hash(texts, classes, sources),
            },
            "table": {"features": len(table.features), "entries": len(table.entry_classes)},
            "cross_validated": asdict(figures(answers, confidence)),
        },
    )


def examples_hash(texts: Sequence[bytes], classes: Sequence[str], sources: Sequence[str]) -> str:
    """xxh3_128 of what a table learned from, in its order."""
    hashed = xxhash.xxh3_128()
    for text, *names in zip(texts, classes, sources, strict=True):
        hashed.update(xxhash.xxh3_128_digest(text))
        hashed.update("\0".join(names).encode() + b"\n")
    return hashed.hexdigest()


def _cross_validate(task: _Task, say: Say) -> Answers:
    """What tables say of the repositories they did not see."""
    n_folds = task.options.folds
    dealt = np.random.default_rng(task.options.seed).permutation(int(task.sources.max()) + 1)
    fold_of = dealt[task.sources] % n_folds
    parts: list[Answers] = []
    for fold in range(n_folds):
        rows = np.flatnonzero(fold_of == fold)
        table = task.table(np.flatnonzero(fold_of != fold))
        parts.append(_answers(task, table, rows, task.classes[fold_of != fold]))
        found = figures(parts[-1], _UNCALIBRATED)
        say(f"fold {fold + 1} of {n_folds}: {found.micro:.3f} of {found.n_files:,} files right")
    return Answers.concatenate(parts)


def _answers(
    task: _Task, table: LanguageTable, rows: Int64, learned: npt.NDArray[np.int32]
) -> Answers:
    found = table.likelihoods(*utf8_buffers(task.labelled.take(rows)))
    places, _ = table.best(found)
    chosen = found.probabilities[np.arange(len(rows)), places]
    truth = np.array([task.names[number] for number in task.classes[rows]], np.object_)
    return Answers(
        truth=truth,
        right=task.classes[rows] == places,
        is_whole=task.labelled.whole[rows] == rows,
        is_known=np.isin(task.classes[rows], learned),
        is_language=np.array([not name.startswith(NONE) for name in truth], bool),
        odds=log_odds(chosen),
        lengths=log_length(found.lengths),
    )


def _groups(
    classes: npt.NDArray[np.int32], sources: npt.NDArray[np.int32], whole: Int64
) -> npt.NDArray[np.int32]:
    """What is left out together: a repository, or half of a class that has one alone."""
    n_sources = int(sources.max(initial=0)) + 1
    pairs = np.unique(classes.astype(np.int64) * n_sources + sources)
    alone = np.bincount(pairs // n_sources, minlength=int(classes.max(initial=0)) + 1) == 1
    _, files = np.unique(whole, return_inverse=True)
    halves = (n_sources + files % 2).astype(np.int32)
    return np.where(alone[classes], halves, sources)


def _rounded(
    fitted: Fitted, corpus: Corpus, names: tuple[str, ...], commonness: Float64
) -> LanguageTable:
    weights = np.clip(np.rint(fitted.entry_weights / STEP), 0, LARGEST).astype(np.uint8)
    return LanguageTable(
        classes=names,
        features=corpus.features[fitted.chosen],
        starts=fitted.starts.astype(np.int64),
        entry_classes=fitted.entry_classes.astype(np.uint16),
        entry_weights=weights,
        biases=np.asarray(fitted.biases, np.float64),
        constants=np.asarray(fitted.constants, np.float64),
        commonness=commonness,
        scale=SCALE,
        confidence=_UNCALIBRATED,
        record={},
    )
