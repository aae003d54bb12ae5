"""The kernels that are compiled ahead are those that the stages call."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

from stages.kernels.ahead import Kernel, groups, numba_type, spelled

ROOT = Path(__file__).resolve().parents[3]
KERNELS = [kernel for group in groups() for kernel in group]

LATE = {
    "stages.decontaminate.composition.has_long_run",
    "stages.decontaminate.index._filled",
    "stages.decontaminate.index._match",
    "stages.decontaminate.index._valid_grams",
    "stages.decontaminate.tokens.token_hashes",
}
"""Those of decontamination, which has nothing to look for unless benchmarks are named."""

RUN = """
import json, sys
from pathlib import Path
from numba.core import event
from stages.kernels.ahead import compile_group, groups, spelled
from tests.golden.chain import record_chain

called, depth = [], 0

class Compiled(event.Listener):
    def on_start(self, one):
        global depth
        if depth == 0:
            function = one.data["dispatcher"].py_func
            types = " ".join(map(spelled, one.data["args"]))
            called.append([function.__module__, function.__name__, types])
        depth += 1

    def on_end(self, one):
        global depth
        depth -= 1

event.register("numba:compile", Compiled())
ahead = sum(compile_group(number) for number in range(len(groups())))
before = len(called)
record_chain(Path(sys.argv[1]))
print(json.dumps({"ahead": ahead, "compiled": before, "late": called[before:]}))
"""


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda one: f"{one.module}.{one.function}")
def test_every_kernel_exists(kernel: Kernel) -> None:
    """Under its name, with as many arguments, of types that can be spelled."""
    function = getattr(importlib.import_module(kernel.module), kernel.function)
    assert isinstance(function, Dispatcher)
    types = kernel.types.split()
    assert len(types) == function.py_func.__code__.co_argcount
    assert [spelled(numba_type(name)) for name in types] == types


def test_no_kernel_is_named_twice() -> None:
    """Two groups would compile it at the same time."""
    assert len(set(KERNELS)) == len(KERNELS)


@pytest.mark.slow
def test_nothing_is_compiled_later(tmp_path: Path) -> None:
    """With an empty cache, after all groups a run of every stage compiles no kernel more, and every
    one that is named was new. If this fails, add what `late` says to `stages/kernels/ahead.py`."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "run")],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ahead"] == found["compiled"] == len(KERNELS)
    assert {f"{module}.{name}" for module, name, _ in found["late"]} <= LATE, found["late"]
