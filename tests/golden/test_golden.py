"""Every stage writes what its `version` says it writes.

One run over planted inputs does everything once; what each step wrote, scratch data too, is
compared with `golden.json`. Verdicts, texts, spans, tokens, samples and all other values are
compared exactly; figures of a trained model to a thousandth (see `digests`).
"""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.inspection.rates import ONCE
from tests.golden.chain import record_chain
from tests.golden.faces import registered, step_classes, versioned_classes
from tests.golden.table import differences, read_table

LARGE_SITES = {"CountSites", "KeepLargeSites", "WriteSites"}
SPREAD_COMPONENTS = {"OpenLinks", "LargeStar", "SmallStar", "TurnLinks", "TellAll"}
LARGE_COMPONENTS = {"FindCut", "Hold", "ToCells", "Sieve", "SieveFirst", "SieveOthers"}
LARGE_COMPONENTS |= {"TakeFirst", "TakeOthers"}
REMOVALS = {"WithoutDocuments"}
UNREACHED = LARGE_SITES | SPREAD_COMPONENTS | LARGE_COMPONENTS | REMOVALS
"""Steps for sites of half a million pages, and for components of near-duplicates that no single
task holds or that have more than 32 members: no tiny corpus has one.
Nothing is removed from these runs: tests/pipeline/removal holds what is against an ordinary emit.
Dedup's are held to a definition in plain Python by tests/stages/dedup, and run by
tests/pipeline/engine."""

ROUTES = {"Route", "ToTwin", "ToGroups"}
"""Classes of which a stage has several steps, each under a name of its own."""

Table = dict[str, Any]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """What every step writes now."""
    return record_chain(tmp_path_factory.mktemp("golden"))


def test_bytes_change_with_the_version_alone(recorded: Table) -> None:
    """If this fails, the message says which step, and what to do."""
    found = differences(read_table(), recorded)
    assert not found, "\n" + "\n".join(found)


@pytest.mark.slow
def test_the_same_is_written_again_and_by_two_workers(
    recorded: Table, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """To the last figure, models too."""
    assert record_chain(tmp_path_factory.mktemp("again")) == recorded
    parallel = record_chain(tmp_path_factory.mktemp("ray"), address=None, workers=2)
    assert parallel == recorded


def test_every_stage_that_has_a_version_is_in_the_table() -> None:
    """By the product's register, and that knows every class with a version."""
    steps = read_table()["steps"]
    for name, version, pattern in registered():
        found = {one for one in steps if pattern.fullmatch(one)}
        assert found, f"{name} has no step in the table"
        assert {steps[one]["version"] for one in found} == {version}, name
    assert versioned_classes() - {name for name, _, _ in registered()} == {"RemoveStage"}


def test_every_entry_belongs_to_a_registered_stage() -> None:
    """An entry that no stage makes would never fail."""
    patterns = [pattern for _, _, pattern in registered()]
    strays = [
        step
        for step in read_table()["steps"]
        if step != "product" and not any(pattern.fullmatch(step) for pattern in patterns)
    ]
    assert strays == []


def test_every_step_of_a_corpus_stage_is_in_the_table() -> None:
    """But those for data that no tiny corpus holds."""
    ends = {step.rpartition(".")[2] for step in read_table()["steps"]}
    missing = {name for name in step_classes() if _kebab(name) not in ends}
    assert missing == UNREACHED | ROUTES


def test_what_plan_counts_once_are_steps() -> None:
    """A step that was renamed would be counted for every byte."""
    ends = {step.rpartition(".")[2] for step in read_table()["steps"]}
    assert set(ONCE) <= ends


def test_every_step_has_something_to_do() -> None:
    """A step without rows would hide any change of what it makes of some."""
    steps = read_table()["steps"]
    idle = {
        step
        for step, entry in steps.items()
        if not entry["rows"] and "#json" not in entry["columns"] and step != "product"
    }
    # GitHub's centres are those of whole repositories: there is nothing to count; and components
    # are small; and nothing loses 90 % of 20 documents.
    rare = (".route-large", ".route-huge", ".find-alarms")
    large = {step for step in idle if step.endswith(rare)}
    assert idle - large <= {"github.recall.decide.count-log-odds"}


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda steps: steps["web.redact"]["columns"].update(keep="0"), r"web.redact: .*\(keep\)"),
        (lambda steps: steps["web.redact"].update(rows=1), r"web.redact: .*rows are 1"),
        (lambda steps: steps["web.redact"].update(version=99), r"web.redact: .*4 is now 99"),
        (lambda steps: steps.pop("web.redact"), r"web.redact: .*no such step"),
        (lambda steps: steps.update(new=steps["web.redact"]), r"new: not in golden.json"),
        (lambda steps: steps["product"]["columns"].update(card="0"), r"product: card .*no version"),
        (
            lambda steps: steps["apply.recall"]["figures"]["score"].__setitem__(1, 0.1),
            r"apply.recall: .*figures of score",
        ),
    ],
)  # fmt: skip
def test_a_difference_names_the_step(change: Change, message: str) -> None:
    """And says whether a version must rise or the table be made anew."""
    golden = read_table()
    found = copy.deepcopy(golden)
    change(found["steps"])
    (told,) = differences(golden, found)
    assert re.match(message, told)
    assert "tests.golden.regenerate" in told


def test_stages_that_only_follow_are_no_cause() -> None:
    """Web reads nothing of GitHub; emit reads what redact wrote."""
    golden = read_table()
    found = copy.deepcopy(golden)
    for step in ("emit.github.write-samples", "github.redact", "web.redact", "product"):
        found["steps"][step]["rows"] += 1
    told = differences(golden, found)
    assert [message.partition(":")[0] for message in told[:-1]] == ["github.redact", "web.redact"]
    assert "['emit.github', 'product']" in told[-1]


def test_another_library_is_named_beside_a_difference() -> None:
    """It may be the reason; alone it is none to fail."""
    golden = read_table()
    found = copy.deepcopy(golden)
    name = min(found["libraries"])
    found["libraries"][name] = "0"
    assert differences(golden, found) == []
    found["steps"]["web.redact"]["rows"] = 1
    assert f"{name} 0 for" in differences(golden, found)[-1]


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
