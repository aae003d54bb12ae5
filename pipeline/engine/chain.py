"""The order of stages, and where each one's code is.

To add a map stage: write its class, register its options in `configuration/registry.py`, and add
a line here.
"""

from dataclasses import dataclass

from pipeline.configuration import Config
from pipeline.configuration.registry import stages_of

EMIT = "emit"
RECALL = "recall"
SEEDS = "seeds"


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
    "seeds": Implementation(source="stages.web.stage:WebSource"),
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
    "recall": Implementation(corpus="stages.recall.stage:RecallStage"),
    "github.recall": Implementation(
        map="stages.recall.quality.measure:QualityMeasure",
        corpus="stages.recall.quality.stage:QualityStage",
    ),
    "decontaminate": Implementation(map="stages.decontaminate.stage:DecontaminateStage"),
    "redact": Implementation(map="stages.redact.stage:RedactStage"),
    "concatenate": Implementation(corpus="stages.concatenate.stage:ConcatenateStage"),
    "emit": Implementation(corpus="stages.emit.stage:EmitStage"),
}


def implementation_of(corpus: str, name: str) -> Implementation:
    """The classes of a stage: the corpus's own, or those that all have."""
    return CHAIN.get(f"{corpus}.{name}") or CHAIN[name]


def recalls(corpus: str, config: Config) -> bool:
    """Whether there is anything to recall: targets on the web, seeds of quality on GitHub."""
    if corpus == "web":
        return bool(config.options("web.recall")["targets"])
    options = config.options("github.recall")
    return bool(options["quality"] or options["seeds"])


def seed_patterns(config: Config) -> list[str]:
    """The files that recall learns from: every target's seeds, then the negatives, then those of
    GitHub; none where there is nothing to recall or no document to recall from."""
    patterns: list[str] = []
    web, github = config.options("web.recall"), config.options("github.recall")
    if recalls("web", config) and config.web.inputs:
        patterns += [seed for target in web["targets"].values() for seed in target["seeds"]]
        patterns += web["negatives"]
    if config.github.inputs:
        patterns += github["seeds"]
    return patterns


def chain_of(corpus: str, config: Config) -> list[str]:
    """The names of a corpus's stages, documents first, emit last.

    Seeds pass the web's source and dedup as a corpus of their own. Without targets there is
    nothing to recall: every kept page is natural language. Files of high quality are marked where
    that was asked for.
    """
    if corpus == SEEDS:
        return ["documents", "dedup"]
    stages = [name for name in stages_of(corpus) if name != RECALL or recalls(corpus, config)]
    return ["documents", *stages, EMIT]
