"""Names of stages and of their steps: what `--stage`, `plan`, receipts and messages speak of.

github.rules                  a stage of a corpus
github.rules.measure          one half of a stage that measures and decides
web.dedup.decide.judge        one task of a corpus stage
emit, emit.web                the last stage: of all corpora, of one
emit.web.write-samples
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipeline.configuration.registry import EMIT, settings_corpus
from pipeline.configuration.validation import nearest
from stages.errors import ConfigError

MEASURE, DECIDE = "measure", "decide"
HALVES = (MEASURE, DECIDE)
"""In the order in which they run."""


@dataclass(frozen=True)
class StepName:
    """A stage, one half of it, or one of its tasks."""

    corpus: str | None
    """None: all corpora, which only an emit is of."""
    stage: str
    half: str | None = None
    task: str | None = None

    @classmethod
    def parse(cls, text: str) -> "StepName":
        """The name that `str` gives; ConfigError for a text of another form."""
        first, *rest = text.split(".")
        if not all((first, *rest)) or (not rest and first != EMIT):
            raise ConfigError(f"{text!r} names no stage; names are such as web.dedup or {EMIT}")
        if first == EMIT:
            corpus, stage, rest = (rest[0] if rest else None), EMIT, rest[1:]
        else:
            corpus, stage, rest = first, rest[0], rest[1:]
        half = rest.pop(0) if stage != EMIT and rest and rest[0] in HALVES else None
        return cls(corpus, stage, half, ".".join(rest) or None)

    def __str__(self) -> str:
        lead = (EMIT, self.corpus) if self.stage == EMIT else (self.corpus, self.stage)
        return ".".join(part for part in (*lead, self.half, self.task) if part is not None)

    @property
    def whole(self) -> "StepName":
        """The stage, with all its halves and tasks."""
        return replace(self, half=None, task=None)

    @property
    def unit(self) -> "StepName":
        """The half, with all its tasks."""
        return replace(self, task=None)

    @property
    def configured(self) -> "StepName":
        """The stage whose options hold: of an emit all corpora's, of the seeds the web's."""
        if self.corpus is None or self.stage == EMIT:
            return StepName(None, self.stage)
        return StepName(settings_corpus(self.corpus), self.stage)

    @property
    def folder(self) -> str:
        """Where its table lies in the run folder: what decides writes the stage's own."""
        folder = f"{self.corpus}/{self.stage}"
        return f"{folder}/{MEASURE}" if self.half == MEASURE else folder

    @property
    def quarantine(self) -> str:
        """Where the records lie that the stage could not process."""
        if self.stage == EMIT:
            return f"quarantine/{EMIT}/{self.corpus}"
        return f"quarantine/{self.corpus}/{self.stage}"


def expect_stage(text: str, known: Iterable[str], what: str, *, halves: bool = False) -> StepName:
    """The name of one of the stages `known` (with `halves`, or of a half of one); ConfigError,
    which begins with `what` and tells the nearest, for any other."""
    stages = list(known)
    hint = nearest(text, stages)
    with contextlib.suppress(ConfigError):
        name = StepName.parse(text)
        if str(name.whole if halves and name.task is None else name) in stages:
            return name
        hint = str(name.whole) if str(name.whole) in stages else hint
    suggestion = f"did you mean {hint}? " if hint else ""
    raise ConfigError(f"{what}: no such stage; {suggestion}there are {', '.join(stages)}")
