"""Counters of a run in Ray's own metrics: Prometheus reads them where it reads the cluster's.

Every node's agent serves `/metrics` (`ray start --metrics-export-port`), if the nodes have
`ray[default]`; without it nothing is served, and nothing fails. Ray prefixes the names with `ray_`.
"""

from ray.util.metrics import Counter

from pipeline.configuration.names import StepName
from pipeline.engine.work.task import Outcome, Task

STAGE, REASON = "stage", "reason"


class RunCounters:
    """What the tasks of a driver have done since it began, by stage."""

    def __init__(self) -> None:
        self._tasks = _counter("tasks", "Tasks that ended well")
        self._records = _counter("records", "Records that tasks have read")
        self._text = _counter("text_bytes", "Bytes of text that tasks have read")
        self._written = _counter("written_bytes", "Bytes that tasks have written")
        self._cpu = _counter("cpu_seconds", "CPU seconds of tasks")
        self._quarantined = _counter("quarantined", "Records put in quarantine", REASON)

    def add(self, task: Task, outcome: Outcome) -> None:
        """Count a task."""
        stage = {STAGE: str(StepName.parse(task.step).whole)}
        result = outcome.result
        for counter, amount in (
            (self._tasks, 1),
            (self._records, result.records),
            (self._text, result.text_bytes),
            (self._written, result.written.size),
            (self._cpu, outcome.cpu_seconds),
        ):
            if amount > 0:  # Ray refuses to add nothing
                counter.inc(amount, tags=stage)
        for reason, n_records in outcome.quarantine_reasons.items():
            self._quarantined.inc(n_records, tags={**stage, REASON: reason})


def _counter(name: str, description: str, *tags: str) -> Counter:
    return Counter(f"sluice_{name}", description=f"{description}.", tag_keys=(STAGE, *tags))
