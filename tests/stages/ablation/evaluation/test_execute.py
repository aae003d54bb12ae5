"""A verdict says what a program did: passed, failed, out of time, not compiled, not run."""

import pytest

from stages.ablation.evaluation import execute
from stages.ablation.evaluation.execute import Status, judge, judge_all
from stages.ablation.evaluation.problems import Problem
from stages.ablation.sandbox.supervise import Limits
from tests.stages.ablation.toolchains_here import TOOLCHAINS, each

QUICK = ("python", "sh", "php", "js", "cpp")
# C++ and C# include little here: compiling the sets' own headers takes seconds.
PARTS = {
    "python": ("def twice(x):\n", "assert twice(2) == 4"),
    "cpp": (
        (
            "#include <cassert>\n#include <cstdlib>\n#include <iostream>\n#include <unistd.h>\n"
            "long twice(long x) {\n"
        ),
        "}\nint main() {\n    assert(twice(2) == 4);\n}\n",
    ),
    "java": (
        "class Problem {\n    public static long twice(long x) throws Exception {\n",
        (
            "    }\n    public static void main(String[] args) throws Exception {\n"
            "    assert(twice(2) == 4);\n    }\n\n}\n"
        ),
    ),
    "php": (
        "<?php\nfunction twice($x) {\n",
        'if (twice(2) !== 4) { throw new Exception("Test failed!"); }\n',
    ),
    "ts": (
        "function twice(x: number): number {\n",
        (
            "declare var require: any;\nconst assert = require('node:assert');\n"
            "assert.deepEqual(twice(2), 4);\n"
        ),
    ),
    "cs": (
        (
            "using System;\nusing System.Diagnostics;\nclass Problem {\n"
            "    public static long Twice(long x) {\n"
        ),
        (
            "    }\n    public static void Main(string[] args) {\n"
            "    Debug.Assert(Twice(2) == 4);\n    }\n\n}\n"
        ),
    ),
    "sh": ("twice() {\n", '}\nset -e\n[[ $(twice 2) = "4" ]]\n'),
    "js": (
        "function twice(x) {\n",
        "const assert = require('node:assert');\nassert.deepEqual(twice(2), 4);\n",
    ),
}
RIGHT = {
    "python": "    return 2 * x\n",
    "cpp": "    return 2 * x;\n",
    "java": "        return 2 * x;\n",
    "php": "    return 2 * $x;\n}\n",
    "ts": "  return 2 * x;\n}\n",
    "cs": "        return 2 * x;\n",
    "sh": "    echo $((2 * $1))\n",
    "js": "  return 2 * x;\n}\n",
}
WRONG = {key: text.replace("2 *", "3 *") for key, text in RIGHT.items()}
HANGING = {
    "python": "    while True: pass\n",
    "cpp": "    for (;;) sleep(1);\n",
    "java": "        while (true) Thread.sleep(1000);\n",
    "php": "    while (true) sleep(1);\n}\n",
    "ts": "  while (true);\n}\n",
    "cs": "        while (true) System.Threading.Thread.Sleep(1000);\n",
    "sh": "    sleep 1000\n",
    "js": "  while (true);\n}\n",
}
CRASHING = {
    "python": "    return twice(x)\n",
    "cpp": "    std::abort();\n",
    "java": '        throw new IllegalStateException("crash");\n',
    "php": "    return nothing_of_that_name($x);\n}\n",
    "ts": '  throw new Error("crash");\n}\n',
    "cs": "        int[] empty = new int[0];\n        return empty[5];\n",
    "sh": "    kill -SEGV $$\n",
    "js": "  return twice(x);\n}\n",
}
LEAVING = {
    "python": "    import os; os._exit(0)\n",
    "cpp": "    std::exit(0);\n",
    "java": "        System.exit(0);\n        return 0;\n",
    "php": "    exit(0);\n}\n",
    "ts": "  require('process').exit(0);\n  return 0;\n}\n",
    "cs": "        Environment.Exit(0);\n        return 0;\n",
    "sh": "    echo 4\n}\nexit 0\nnever() {\n:\n",
    "js": "  process.exit(0);\n}\n",
}
NO_PROGRAM = {
    "python": "    return (\n",
    "cpp": "    return 2 * y;\n",
    "java": "        return y;\n",
    "php": "    return (;\n}\n",
    "ts": '  return "two";\n}\n',
    "cs": "        return y;\n",
    "sh": "    if\n",
    "js": "  return (;\n}\n",
}


def problem(key: str) -> Problem:
    before, tests = PARTS[key]
    return Problem(f"humaneval-{key}", "0", key, before, ("\nSTOP",), before, tests)


def verdict(key: str, completion: str, **limits: float):
    return judge(problem(key), completion, toolchains=TOOLCHAINS, limits=Limits(**limits))


@pytest.mark.parametrize("key", each(PARTS, QUICK))
def test_a_right_completion_passes(key):
    """Cut at its stop string."""
    found = verdict(key, RIGHT[key] + "\nSTOP anything else")
    assert (found.status, found.detail) == (Status.PASSED, "")
    assert (found.set, found.task_id, found.language) == (f"humaneval-{key}", "0", key)


@pytest.mark.parametrize("key", each(PARTS, QUICK))
def test_a_wrong_completion_fails(key):
    """The tests' assertions are on."""
    found = verdict(key, WRONG[key])
    assert found.status is Status.FAILED
    assert found.detail.startswith("exit status")


@pytest.mark.parametrize("key", each(PARTS, QUICK))
def test_a_hanging_completion_is_out_of_time(key):
    """Busy or asleep."""
    found = verdict(key, HANGING[key], cpu_seconds=1, wall_seconds=2)
    assert found.status is Status.TIMEOUT
    assert found.detail in {"wall time", "CPU time"}


@pytest.mark.parametrize("key", each(PARTS, QUICK))
def test_a_crashing_completion_fails(key):
    """By exception, signal or endless recursion."""
    found = verdict(key, CRASHING[key])
    assert found.status is Status.FAILED
    assert found.detail.startswith("exit status")


@pytest.mark.parametrize("key", each(PARTS, QUICK))
def test_leaving_early_with_status_0_is_no_pass(key):
    """The last statement was not reached."""
    found = verdict(key, LEAVING[key])
    assert (found.status, found.detail) == (Status.FAILED, "ended before the last test")


@pytest.mark.parametrize("key", each(PARTS, QUICK))
def test_what_is_no_program_does_not_compile(key):
    """An interpreted one fails."""
    found = verdict(key, NO_PROGRAM[key])
    compiled = key in {"cpp", "java", "ts", "cs"}
    assert found.status is (Status.COMPILE_ERROR if compiled else Status.FAILED)
    assert found.detail


@pytest.mark.parametrize("key", each(["python"], QUICK))
def test_limits_that_are_broken_are_told(key):
    """Output, memory and processes are failures, with the reason."""
    found = verdict(key, "    while True: print('x' * 1000)\n", output_bytes=10_000)
    assert (found.status, found.detail) == (Status.FAILED, "more output than allowed")
    found = verdict(key, "    x = [bytes(9)]\n    while True: x *= 2\n", memory_bytes=200 << 20)
    assert (found.status, found.detail) == (Status.FAILED, "more memory than allowed")


@pytest.mark.parametrize("key", each(["python"], QUICK))
def test_verdicts_are_in_the_order_of_the_completions(key):
    """However long each takes; progress counts to the last."""
    told = []
    texts = ["    import time; time.sleep(0.5); return 4\n", RIGHT[key], WRONG[key]]
    found = judge_all(
        [(problem(key), text) for text in texts],
        toolchains=TOOLCHAINS,
        workers=3,
        progress=lambda *pair: told.append(pair),
    )
    assert [v.status.value for v in found] == ["passed", "passed", "failed"]
    assert [v.completion for v in found] == texts
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert judge_all([]) == []


def test_a_language_without_its_compiler_is_not_run(monkeypatch):
    """Nor counted as failed: the reason is the verdict's."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(execute, "unavailable", lambda: None)
    found = judge(problem("php"), RIGHT["php"])
    assert found.status is Status.NOT_RUN
    assert found.detail == "PHP: php not found (Debian: php-cli)"


def test_without_a_sandbox_nothing_is_run(monkeypatch):
    """In any language: model-written code never runs unprotected."""
    monkeypatch.setattr(execute, "unavailable", lambda: "no bwrap")
    monkeypatch.setattr(execute, "run", lambda *_, **__: pytest.fail("executed"))
    found = judge_all([(problem(key), RIGHT[key]) for key in PARTS])
    assert {(v.status, v.detail) for v in found} == {(Status.NOT_RUN, "no bwrap")}
