"""Programs run in a sandbox; nothing of a test's is left after it."""

import secrets
import textwrap
from pathlib import Path

import pytest

from stages.ablation.evaluation.languages import languages
from stages.ablation.sandbox import sandbox
from stages.ablation.sandbox.sandbox import Outcome, Step
from stages.ablation.sandbox.supervise import Limits
from stages.ablation.sandbox.toolchains import find


def survivors(word: str) -> list[str]:
    """The processes that have a word in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().decode())
        except (OSError, ProcessLookupError):
            continue
    return found


@pytest.fixture
def word():
    """In the environment of all that a test starts; nothing of it is left afterwards."""
    made = secrets.token_hex(8)
    yield made
    assert survivors(made) == []


@pytest.fixture
def shell(word):
    """Runs a shell script in a sandbox."""

    def run(script: str, **limits: float) -> Outcome:
        step = Step(["/bin/bash", "-c", script], Limits(**limits))
        return sandbox.run([step], {}, environment={"WORD": word})

    return run


@pytest.fixture
def python(word):
    """Runs a Python program in a sandbox."""
    toolchain = find(languages()["python"])

    def run(program: str, **limits: float) -> Outcome:
        return sandbox.run(
            [Step(toolchain.run, Limits(**limits))],
            {"program.py": textwrap.dedent(program).encode()},
            mounts=toolchain.mounts,
            environment={**toolchain.environment, "WORD": word},
        )

    return run
