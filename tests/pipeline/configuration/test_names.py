"""Names of stages and steps: what is parsed is what is written, and what is meant is found."""

import pytest

from pipeline.configuration.names import StepName, expect_stage
from pipeline.configuration.registry import CONFIGURED, CORPORA, STAGES, applicable, stage_names
from pipeline.engine.selection import Selection
from pipeline.engine.work.task import stage_class
from stages.errors import ConfigError

CHAINS = {
    "seeds": ["documents", "dedup"],
    "github": ["documents", "language", "rules", "dedup", "redact", "emit"],
    "web": ["documents", "dedup", "recall", "emit"],
}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("github.documents", StepName("github", "documents")),
        ("github.rules.measure", StepName("github", "rules", "measure")),
        ("web.dedup.decide", StepName("web", "dedup", "decide")),
        ("web.dedup.decide.judge", StepName("web", "dedup", "decide", "judge")),
        ("web.recall.iteration-1.scores", StepName("web", "recall", None, "iteration-1.scores")),
        ("emit", StepName(None, "emit")),
        ("emit.web", StepName("web", "emit")),
        ("emit.web.write-samples", StepName("web", "emit", None, "write-samples")),
        ("shards.code-web", StepName("shards", "code-web")),
    ],
)
def test_a_name_is_read_as_it_is_written(text: str, name: StepName) -> None:
    """In both directions."""
    assert StepName.parse(text) == name
    assert str(name) == text


@pytest.mark.parametrize("text", ["", "rules", ".", "github.", ".rules", "web..dedup", "emit."])
def test_what_names_nothing_is_refused(text: str) -> None:
    """With an example of a name."""
    with pytest.raises(ConfigError, match=r"names no stage; names are such as web\.dedup"):
        StepName.parse(text)


def test_a_name_knows_where_its_table_and_its_quarantine_lie() -> None:
    """What decides writes the stage's own table; both halves share a quarantine."""
    measure = StepName.parse("github.rules.measure")
    assert measure.folder == "github/rules/measure"
    assert measure.quarantine == "quarantine/github/rules"
    assert StepName.parse("github.rules.decide").folder == "github/rules"
    assert StepName.parse("web.dedup.decide.judge").quarantine == "quarantine/web/dedup"
    assert StepName.parse("emit.web.write-samples").quarantine == "quarantine/emit/web"
    assert str(StepName.parse("seeds.dedup").configured) == "web.dedup"
    assert str(StepName.parse("emit.web").configured) == "emit"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("github.ruels", "github.rules"),
        ("github.rules.mesure", "github.rules"),
        ("web.dedup.decide.judge", "web.dedup"),
        ("dedup", ".dedup"),
        ("emit.wbe", "emit.web"),
        ("emmit", "emit"),
    ],
)
def test_an_unknown_stage_is_told_the_nearest(text: str, hint: str) -> None:
    """And all that there are."""
    known = [*stage_names(), "emit.web", "emit.github"]
    with pytest.raises(ConfigError) as caught:
        expect_stage(text, known, "--stage", halves=True)
    assert f"{hint}? there are seeds.documents, seeds.dedup" in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "corpus", "last"),
    [
        (["github.rules", "github.rules.measure"], "github", ("rules", "decide")),
        (["github.rules.measure", "github.rules"], "github", ("rules", "decide")),
        (["github.rules.decide", "github.rules.measure"], "github", ("rules", "decide")),
        (["github.dedup.measure", "github.rules"], "github", ("dedup", "measure")),
        (["github.rules.measure"], "github", ("rules", "measure")),
        (["web.recall", "web.dedup.measure"], "web", ("recall", "decide")),
        (["web.recall"], "github", None),
        (["emit", "github.rules.measure"], "github", ("emit", "decide")),
        (["emit.web", "github.rules.measure"], "github", ("rules", "measure")),
        (["emit.web", "github.rules.measure"], "web", ("emit", "decide")),
        ([], "seeds", ("dedup", "decide")),
    ],
)
def test_a_selection_is_the_union_of_what_was_asked_for(
    steps: list[str], corpus: str, last: tuple[str, str] | None
) -> None:
    """In any order; the last half of the last stage asked for is the last to run."""
    names = CHAINS[corpus]
    found, half = Selection.parse(steps, CHAINS).last(corpus, names)
    assert (None if found < 0 else (names[found], half)) == last


@pytest.mark.parametrize("step", ["github.recall", "emit.seeds", "emit.nowhere", "rules", "web"])
def test_a_selection_of_what_the_run_has_not_is_refused(step: str) -> None:
    """Quality recall, for instance, where no quality is asked for."""
    with pytest.raises(ConfigError, match=f"--stage '{step}': no such stage"):
        Selection.parse([step], CHAINS)


def test_every_line_of_the_register_names_what_there_is() -> None:
    """The classes exist, have the register's name and its options model."""
    for name, stage in STAGES.items():
        for one in (stage, *stage.own.values()):
            classes = [one.target(kind) for kind in (one.map, one.corpus) if kind is not None]
            assert classes
            for cls in map(stage_class, classes):
                assert cls.name.partition(".")[0] == name
                assert cls.Options is one.model
            assert one.filled <= set(one.model.model_fields)
    for corpus in CORPORA.values():
        assert stage_class(corpus.source).Options is corpus.model
    assert all(stage_class(target).reads for target in applicable().values())
    assert set(CONFIGURED) == {"github", "web"}
