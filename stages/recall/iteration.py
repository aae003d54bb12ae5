"""An iteration of the loop as a value: what it trained, and what it says of every page."""

import json
from dataclasses import dataclass
from typing import Any

from stages.contract import Artefact, Parts
from stages.recall.metrics import is_made


@dataclass(frozen=True)
class Models:
    """What an iteration trained, and what it scores with."""

    trained: tuple[Artefact, ...]
    """One a target."""
    used: tuple[tuple[Artefact, ...], ...]
    """Each target's of all iterations, oldest first, without those rejected."""
    rejected: tuple[str, ...] = ()
    """Targets whose new model is less precise than the one before: they keep that one."""

    @property
    def latest(self) -> tuple[Artefact, ...]:
        """Each target's last one in use."""
        return tuple(of_target[-1] for of_target in self.used)

    @property
    def are_all_rejected(self) -> bool:
        """Whether nothing that was trained is used."""
        return bool(self.trained) and len(self.rejected) == len(self.trained)


@dataclass(frozen=True)
class Iteration:
    """A round of the loop: its models and what they say of every page."""

    number: int
    models: Models
    own: Parts
    """Each page's own log-odds."""
    scores: Parts
    """Each page's probabilities, by itself and by its directory."""
    before: "Iteration | None"
    metrics: Artefact | None = None
    """`metrics.json`; None without targets, when there is nothing to find."""
    decisions: Artefact | None = None
    """Which of its patterns were accepted, for the next iteration."""

    def found(self) -> dict[str, Any] | None:
        """What the metrics say; None while a run is only planned."""
        if self.metrics is None or not is_made(self.metrics):
            return None
        found: dict[str, Any] = json.loads(self.metrics.read())
        return found

    def accept(self) -> bool:
        """Whether it stands: it may have found hardly more than the one before."""
        found = self.found()
        return found is None or bool(found["accepted"])
