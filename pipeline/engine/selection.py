"""How far a run goes: what `--stage` asks for, corpus by corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.configuration.names import DECIDE, HALVES, StepName, expect_stage
from pipeline.configuration.registry import EMIT, RECALL

Chains = Mapping[str, Sequence[str]]
"""Corpus → the names of its stages, in order."""


@dataclass(frozen=True)
class Selection:
    """Which steps a command asked for; nothing asked for means everything."""

    steps: tuple[StepName, ...] = ()

    @classmethod
    def parse(cls, steps: Sequence[str], chains: Chains) -> "Selection":
        """What `--stage` names; ConfigError for a step that no corpus has."""
        known = [str(StepName(corpus, name)) for corpus, names in chains.items() for name in names]
        known.append(EMIT)
        return cls(
            tuple(expect_stage(step, known, f"--stage {step!r}", halves=True) for step in steps)
        )

    def last(self, corpus: str, names: Sequence[str]) -> tuple[int, str]:
        """The last stage of the corpus to run (its index, -1 for none) and its last half: of all
        that was asked for, what comes last."""
        asked = [
            (names.index(step.stage), HALVES.index(step.half or DECIDE))
            for step in self.steps
            if step.corpus == corpus and step.stage in names
        ]
        if not self.steps or StepName(None, EMIT) in self.steps:
            asked = [(len(names) - 1, HALVES.index(DECIDE))]
        last, half = max(asked, default=(-1, 0))
        return last, HALVES[half]

    def recalls(self, chains: Chains) -> bool:
        """Whether a recall, which needs the seeds, is to run."""
        return any(
            RECALL in names and self.last(corpus, names)[0] >= names.index(RECALL)
            for corpus, names in chains.items()
        )
