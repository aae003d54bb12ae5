"""The order of stages, and where each one's code is.

To add a map stage: write its class, register its options in `configuration/registry.py`, and add
a line here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Implementation:
    """A stage's classes (`module:Class`): a source, a map stage or filter, a corpus stage, or a
    map stage that measures for a corpus stage."""

    source: str | None = None
    map: str | None = None
    corpus: str | None = None
    measures_everything: bool = False
    """Measure rows that earlier stages dropped, too."""


DOCUMENTS = {
    "github": Implementation(source="stages.github.stage:GithubSource"),
    "web": Implementation(source="stages.web.stage:WebSource"),
}

CHAIN = {
    "language": Implementation(map="stages.language.stage:LanguageStage"),
    "rules": Implementation(map="stages.rules.stage:RulesStage"),
    "dedup": Implementation(
        map="stages.dedup.measure:DedupMeasure",
        corpus="stages.dedup.stage:DedupStage",
        measures_everything=True,
    ),
    "concatenate": Implementation(corpus="stages.concatenate.stage:ConcatenateStage"),
    "emit": Implementation(corpus="stages.emit.stage:EmitStage"),
}
