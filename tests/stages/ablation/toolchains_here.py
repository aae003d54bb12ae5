"""Which languages a test can run on this machine."""

from collections.abc import Iterable
from typing import Any

import pytest

from stages.ablation.evaluation.execute import find_toolchains
from stages.ablation.sandbox.toolchains import Missing

TOOLCHAINS = find_toolchains()


def each(keys: Iterable[str], quick: Iterable[str]) -> list[Any]:
    """A parameter for each language: those not quick are slow, those not here are skipped."""
    found = []
    for key in keys:
        toolchain = TOOLCHAINS[key]
        marks = [] if key in quick else [pytest.mark.slow]
        if isinstance(toolchain, Missing):
            marks.append(pytest.mark.skip(reason=toolchain.reason))
        found.append(pytest.param(key, marks=marks))
    return found
