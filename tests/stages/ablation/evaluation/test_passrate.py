"""pass@1 counts what passed of what was run."""

from stages.ablation.evaluation.execute import Status, Verdict
from stages.ablation.evaluation.passrate import pass_rates


def verdict(name: str, status: Status, detail: str = "") -> Verdict:
    return Verdict(name, "0", "js", status, detail, "", 0.0)


def test_every_problem_of_a_set_counts():
    """Passed ÷ problems; the sets in the table's order, whatever the verdicts'."""
    js = [Status.PASSED, Status.FAILED, Status.TIMEOUT, Status.PASSED, Status.COMPILE_ERROR]
    verdicts = [verdict("mbpp", Status.FAILED), *(verdict("humaneval-js", s) for s in js)]
    first, second = pass_rates(verdicts)
    assert (first.name, first.n_problems, first.n_passed, first.pass_at_1) == (
        "JavaScript",
        5,
        2,
        0.4,
    )
    assert first.statuses == {
        "passed": 2,
        "failed": 1,
        "timeout": 1,
        "compile_error": 1,
        "not_run": 0,
    }
    assert (second.name, second.pass_at_1, second.not_run) == ("MBPP", 0.0, None)


def test_a_set_that_was_not_run_has_no_rate():
    """It has a reason instead, never a zero."""
    (rate,) = pass_rates([verdict("humaneval-cs", Status.NOT_RUN, "C#: mcs not found")])
    assert (rate.pass_at_1, rate.not_run, rate.n_passed) == (None, "C#: mcs not found", 0)
    assert pass_rates([]) == []
