"""The harness is proved by solutions that must pass.

HumanEval-Python and MBPP bring their own. For every other language ten problems were solved by
hand: `solutions/LANGUAGE/TASK.LANGUAGE` holds what a model would write after the prompt.
"""

from pathlib import Path

import pytest

from stages.ablation.evaluation.execute import Status, judge_all
from stages.ablation.evaluation.languages import languages
from stages.ablation.evaluation.problems import load_problems
from tests.stages.ablation.toolchains_here import TOOLCHAINS, each

SOLUTIONS = Path(__file__).parent / "solutions"
DATA = Path(__file__).resolve().parents[5] / "shared" / "data" / "benchmarks"
OTHERS = [key for key in languages() if key != "python"]
QUICK = ("python", "php", "sh", "js")
SAMPLE = 10
THROWING = {
    "cpp": "    throw std::runtime_error(WORD);\n",
    "java": "        throw new RuntimeException(WORD);\n",
    "php": "    throw new Exception(WORD);\n}\n",
    "ts": "  throw new Error(WORD);\n}\n",
    "cs": "        throw new Exception(WORD);\n",
    "sh": "    echo WORD >&2\n    exit 3\n",
    "js": "  throw new Error(WORD);\n}\n",
}
# What no completion passes: a value where C++ wants a type, a function that PHP has already, a
# string that is not closed on its line.
BROKEN = {
    "cpp": ["HumanEval_137_compare_one"],
    "php": ["HumanEval_23_strlen"],
    "js": ["HumanEval_51_remove_vowels"],
}

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="the benchmarks do not lie beside the checkout"
)


def not_passed(items) -> list[tuple[str, str, str]]:
    return [
        (verdict.task_id, verdict.status.value, verdict.detail)
        for verdict in judge_all(items, toolchains=TOOLCHAINS)
        if verdict.status is not Status.PASSED
    ]


@pytest.mark.parametrize("key", each(OTHERS, QUICK))
def test_solutions_by_hand_pass(key):
    """Ten for each language, through the set's own tests."""
    problems = {p.task_id: p for p in load_problems(DATA, (f"humaneval-{key}",))}
    items = [(problems[f.stem], f.read_text()) for f in sorted((SOLUTIONS / key).iterdir())]
    assert len(items) == 10
    assert not_passed(items) == []


@pytest.mark.parametrize("key", each(OTHERS, QUICK))
def test_solutions_of_other_problems_do_not_pass(key):
    """The same texts, each after the next problem's prompt: the sets' tests do tell."""
    problems = {p.task_id: p for p in load_problems(DATA, (f"humaneval-{key}",))}
    files = sorted((SOLUTIONS / key).iterdir())
    items = [
        (problems[ours.stem], theirs.read_text())
        for ours, theirs in zip(files, [*files[1:], files[0]], strict=True)
    ]
    assert len(not_passed(items)) == len(items)


@pytest.mark.parametrize("key", each(["python"], QUICK))
@pytest.mark.parametrize("name", ["humaneval-python", "mbpp"])
def test_a_sample_of_the_sets_own_solutions_passes(key, name):
    """Spread evenly over the set."""
    problems = load_problems(DATA, (name,))
    chosen = problems[:: len(problems) // SAMPLE][:SAMPLE]
    assert not_passed([(p, p.solution) for p in chosen]) == []


@pytest.mark.slow
@pytest.mark.parametrize("key", each(["python"], QUICK))
@pytest.mark.parametrize("name", ["humaneval-python", "mbpp"])
def test_all_of_the_sets_own_solutions_pass(key, name):
    """164 and 500."""
    problems = load_problems(DATA, (name,))
    assert not_passed([(p, p.solution) for p in problems]) == []


@pytest.mark.slow
@pytest.mark.parametrize("key", each(OTHERS, OTHERS))
def test_every_problem_gets_as_far_as_its_completion(key):
    """All prompts and tests compile around a body that throws, but for three of the sets' own."""
    problems = load_problems(DATA, (f"humaneval-{key}",))
    word = "reached-the-body"
    body = THROWING[key].replace("WORD", word if key == "sh" else f'"{word}"')
    found = judge_all([(problem, body) for problem in problems], toolchains=TOOLCHAINS)
    broken = [
        verdict.task_id
        for verdict in found
        if verdict.status is not Status.FAILED or word not in verdict.detail
    ]
    assert broken == BROKEN.get(key, [])
