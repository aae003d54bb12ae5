"""What a finished run was, in its folder's report.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from stages.ablation.training.checkpoint import replace_text

REPORT = "report.json"


@dataclass(frozen=True)
class TrainReport:
    """One trained model."""

    steps: int
    tokens: int
    """Trained on, repetitions counted."""
    loss: float
    """Of the last step, in nats a token."""
    skipped: int
    """Steps whose gradient was not used."""
    seconds: float
    """Of the process that finished the run; what came before a resumption is not in it."""
    parameters: int
    ranks: int
    output: str
    """The run's folder; the model is in its `model`."""


def write_report(folder: Path, report: TrainReport) -> None:
    """The last thing a run writes."""
    replace_text(folder / REPORT, json.dumps(asdict(report), indent=1))


def read_report(folder: Path) -> TrainReport | None:
    """The report of a finished run, or None."""
    path = folder / REPORT
    if not path.is_file():
        return None
    return TrainReport(**json.loads(path.read_text(encoding="utf-8")))
