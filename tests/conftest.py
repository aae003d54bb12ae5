"""Settings for the whole suite: the same examples every time, no time limits on shared machines,
and with `pytest -n` no kernel that several processes compile at once."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import settings

from stages.kernels.ahead import compile_group, groups

settings.register_profile("sluice", deadline=None, derandomize=True)
settings.load_profile("sluice")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before there are several processes each kernel that stages call is compiled by one."""
    n_processes = session.config.getoption("numprocesses", None)  # of the first process alone
    if n_processes and n_processes > 1 and not session.config.option.collectonly:
        numbers = range(len(groups()))
        with ProcessPoolExecutor(min(n_processes, len(numbers)), get_context("spawn")) as pool:
            list(pool.map(compile_group, numbers))
