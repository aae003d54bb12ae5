"""Tasks on Ray Core: a private local Ray, or a cluster.

Not Ray Data: its blocks copy large strings. Tasks and outcomes are small; data goes through
storage, so the object store stays empty. A private Ray ends with its driver, and listens on
loopback alone.
"""

import importlib.util
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline.engine import kernel_cache
from pipeline.engine.executor import (
    TICK_SECONDS,
    Preparing,
    Resources,
    after_crash,
    after_io_error,
    again,
    failed,
)
from pipeline.engine.ray.connection import RayLink, await_cluster, starting
from pipeline.engine.ray.metrics import RunCounters
from pipeline.engine.ray.remains import end_remains, forget_session, note_session
from pipeline.engine.ray.standstill import Silence, Standstill
from pipeline.engine.work.task import Outcome, Task, run_task
from pipeline.storage.storage import Storage
from stages.errors import StageError, StorageError
from stages.kernels.ahead import compile_group, groups

log = logging.getLogger("sluice")

NODES, KERNELS = "Ray started", "groups of kernels compiled"

SHIPPED = ("schemas", "stages", "pipeline", "seeds")
"""What travels to a cluster's workers: our modules, never an environment or a run folder."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

OBJECT_STORE_BYTES = 128 << 20

_QUIETLY: dict[str, Any] = {
    "include_dashboard": False,
    "log_to_driver": False,
    "logging_level": logging.ERROR,
    "configure_logging": False,
}

LOST = (
    ray.exceptions.NodeDiedError,
    ray.exceptions.LocalRayletDiedError,
    ray.exceptions.OutOfMemoryError,
)
"""Nobody's fault but the machine's."""


class RayExecutor:
    """Ray Core tasks: a private local Ray, or a cluster."""

    def __init__(
        self,
        storage: Storage,
        max_attempts: int,
        address: str | None,
        workers: int | None,
        window: int = 2,
    ) -> None:
        self._storage = storage
        self._max_attempts = max_attempts
        self._address = address
        self._workers = workers
        self._window = window
        self._started = False
        self._function: Any = None
        self._link = RayLink(is_private=address is None)
        self._standstill = Standstill()
        self._silence = Silence()
        self._n_flying = 0
        self._counters: RunCounters | None = None

    def __enter__(self) -> Self:
        if self._address is not None:  # said now, not when the first stage is to begin
            await_cluster(self._address)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._started:
            self._link.shut_down()
            self._started = False
            if self._address is None:
                forget_session(self._storage)

    @property
    def n_workers(self) -> int:
        self._start()
        total = ray.cluster_resources()  # type: ignore[no-untyped-call]
        return max(1, int(total.get("CPU", 1)))

    def _start(self) -> None:
        if self._started:
            return
        if self._address is None:
            end_remains(self._storage)
            with starting(None):
                ray.init(
                    address="local",
                    num_cpus=self._workers,
                    object_store_memory=OBJECT_STORE_BYTES,
                    **_QUIETLY,
                )
            note_session(self._storage)
        else:
            _join(self._address)
            self._counters = RunCounters()
        self._started = True
        self._function = ray.remote(max_retries=0)(run_task)

    def prepare(self, preparing: Preparing) -> None:
        """Start Ray, or join a cluster, and have every node compile the kernels."""
        if not self._started:
            preparing(NODES, 0, 1)
            self._start()
            preparing(NODES, 1, 1)
            compile_kernels(preparing)

    def standing_still(self, seconds: float) -> list[str]:
        """Of a private Ray which workers do; of a cluster that no task ends."""
        if self._address is None:
            return self._standstill.look(seconds)
        return self._silence.look(seconds, self._n_flying)

    def run(
        self, tasks: Iterable[Task], resources: Resources
    ) -> Iterator[tuple[Task, Outcome] | None]:
        self._start()
        self._link.require(at_once=True)
        self._silence.ended()
        window = self._window * (self._workers or self.n_workers)
        queue = iter(tasks)
        flying: dict[Any, Task] = {}
        storage = ray.put(self._storage)
        remote = self._function.options(
            num_cpus=resources.cpus, memory=resources.memory_bytes or None
        )
        while True:
            self._link.require()
            while len(flying) < window and (task := next(queue, None)) is not None:
                flying[remote.remote(storage, task)] = task
            if not flying:
                return
            self._n_flying = len(flying)
            references = list(flying)
            done, _ = ray.wait(references, num_returns=1, timeout=TICK_SECONDS)
            if not done:
                window = self._window * (self._workers or self.n_workers)
                yield None
                continue
            if len(references) > 1:
                done, _ = ray.wait(references, num_returns=len(references), timeout=0)
            for reference in done:
                task = flying.pop(reference)
                answer = self._fetch(reference, task)
                if isinstance(answer, Task):
                    flying[remote.remote(storage, answer)] = answer
                else:
                    self._silence.ended()
                    if self._counters is not None:
                        self._counters.add(task, answer)
                    yield task, answer

    def _fetch(self, reference: Any, task: Task) -> Outcome | Task:
        """The task's outcome, or the task to send again."""
        try:
            outcome: Outcome = ray.get(reference)
        except LOST as error:
            self._link.require(at_once=True)
            return again(task, str(error).splitlines()[0], self._max_attempts)
        except ray.exceptions.WorkerCrashedError as error:
            return after_crash(task, str(error).splitlines()[0], self._max_attempts)
        except ray.exceptions.RayTaskError as error:
            cause = error.as_instanceof_cause()  # type: ignore[no-untyped-call]
            if isinstance(cause, OSError):
                return after_io_error(task, cause, self._max_attempts)
            if isinstance(cause, StageError | StorageError):
                raise StageError(failed(task, str(error.cause))) from error
            raise StageError(failed(task, COLOUR.sub("", str(error)))) from error
        except ray.exceptions.RayError as error:
            raise StageError(failed(task, str(error).splitlines()[0])) from error
        return outcome


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Be part of a cluster: what this process asks of servers it asks at the cluster's pace."""
    _join(address)
    try:
        yield
    finally:
        ray.shutdown()


def _join(address: str) -> None:
    await_cluster(address)
    with starting(address), tempfile.TemporaryDirectory(prefix="sluice-") as empty:
        ray.init(address=address, runtime_env=runtime_environment(empty), **_QUIETLY)


def compile_kernels(preparing: Preparing) -> None:
    """Have each group of kernels compiled by one worker of every node: a node's workers share a
    cache folder. What this cannot do, or a node that joins later, is done where it is called."""
    known = ray.nodes()  # type: ignore[no-untyped-call]
    nodes = [node for node in known if node["Alive"] and node["Resources"].get("CPU")]
    compiling = ray.remote(num_cpus=1, max_retries=0)(compile_group)
    waiting = [
        compiling.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(number)
        for number in range(len(groups()))
        for node in nodes
    ]
    total = len(waiting)
    preparing(KERNELS, 0, total)
    while waiting:
        done, waiting = ray.wait(waiting, timeout=TICK_SECONDS)
        for reference in done:
            try:
                ray.get(reference)
            except ray.exceptions.RayError as error:
                why = COLOUR.sub("", str(error)).strip().splitlines()[-1]
                log.warning("some kernels are compiled where they are called: %s", why)
        preparing(KERNELS, total - len(waiting), total)


def runtime_environment(working_dir: str) -> dict[str, Any]:
    """What a cluster's workers get: our modules, and a folder on each node where the kernels that
    one worker compiled are found by the next.

    The working directory should be empty: without one Ray puts the driver's current folder first
    on the workers' path, and another checkout there would win over what is shipped.
    """
    variables = {"RAY_USAGE_STATS_ENABLED": "0"}
    if named := os.environ.get(kernel_cache.VARIABLE):
        variables[kernel_cache.VARIABLE] = named
    hook = kernel_cache.use_kernel_cache
    return {
        "py_modules": _shipped_modules(),
        "working_dir": working_dir,
        "excludes": ["__pycache__/"],
        "env_vars": variables,
        # By name: the folder is chosen on each node, which may have another user and its own disk.
        "worker_process_setup_hook": f"{hook.__module__}.{hook.__qualname__}",
    }


def _shipped_modules() -> list[str]:
    folders = []
    for name in SHIPPED:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        folders.append(next(iter(spec.submodule_search_locations)))
    return folders
