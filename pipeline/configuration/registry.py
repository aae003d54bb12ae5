"""The one register of stages: what there is, on which corpora, in which order.

To add a map stage, write its class and its options and add a line here: configuration, chain,
`apply`, statistics and inspection all ask this table. Classes and options models are named, not
imported, so that reading a configuration imports only the light `options` modules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from stages.contract import Options

SEEDS, EVENTS, GITHUB, WEB = "seeds", "events", "github", "web"
DOCUMENTS, RECALL, DEDUP, EMIT = "documents", "recall", "dedup", "emit"
TOKENS, DECONTAMINATE, REMOVE = "tokens", "decontaminate", "remove"


@dataclass(frozen=True)
class Stage:
    """A stage, by the names of its classes in the package `stages.NAME`."""

    name: str
    corpora: tuple[str, ...]
    """The corpora that have it; none: it comes last on each, and one table sets its options."""
    options: str
    """Its options model, in the package's module `options`."""
    map: str | None = None
    """`module:Class` of a map stage or filter, or of what measures for `corpus`."""
    corpus: str | None = None
    """`module:Class` of a corpus stage."""
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Defaults that differ between corpora."""
    refused: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Values that make no sense on a corpus: corpus → option → value."""
    measures_everything: bool = False
    """Measure rows that earlier stages dropped, too."""
    filled: frozenset[str] = frozenset()
    """Options that the pipeline fills in (`columns`: those of earlier stages, `targets`: those of
    the web's recall, `removed` and `content`: what is to be taken out): no settings."""
    stands_alone: bool = True
    """Whether `sluice apply` offers its map stage."""
    own: Mapping[str, "Stage"] = field(default_factory=dict)
    """Corpora whose stage of this name is another one: `[CORPUS.STAGE]` alone sets its options,
    `[STAGE]` does not reach them."""

    @property
    def model(self) -> type[Options]:
        """Its options model."""
        return _model(f"stages.{self.name}.options", self.options)

    @property
    def settings(self) -> list[str]:
        """The names of the options that a user may set."""
        return [name for name in self.model.model_fields if name not in self.filled]

    def target(self, name: str) -> str:
        """`package.module:Class` of its `map` or `corpus`."""
        return f"stages.{self.name}.{name}"


_STAGES = (
    Stage("language", (GITHUB,), "LanguageOptions", map="stage:LanguageStage"),
    Stage("rules", (GITHUB,), "RulesOptions", map="stage:RulesStage"),
    Stage(
        DEDUP,
        (SEEDS, GITHUB, WEB),
        "DedupOptions",
        map="measure:DedupMeasure",
        corpus="stage:DedupStage",
        defaults={WEB: {"cjk": True}},
        refused={WEB: {"unit": "repository"}},
        measures_everything=True,
    ),
    Stage(TOKENS, (GITHUB, WEB), "TokensOptions", map="stage:TokensStage", stands_alone=False),
    Stage(
        RECALL,
        (WEB,),
        "RecallOptions",
        corpus="stage:RecallStage",
        own={
            GITHUB: Stage(
                RECALL,
                (GITHUB,),
                "QualityOptions",
                map="quality.measure:QualityMeasure",
                corpus="quality.stage:QualityStage",
            )
        },
    ),
    Stage(DECONTAMINATE, (GITHUB, WEB), "DecontaminateOptions", map="stage:DecontaminateStage"),
    Stage("redact", (GITHUB, WEB), "RedactOptions", map="stage:RedactStage"),
    Stage("concatenate", (GITHUB,), "ConcatenateOptions", corpus="stage:ConcatenateStage"),
    Stage(
        REMOVE,
        (GITHUB, WEB),
        "RemoveOptions",
        map="stage:RemoveStage",
        filled=frozenset({"removed", "content"}),
        stands_alone=False,
    ),
    Stage(
        EMIT, (), "EmitOptions", corpus="stage:EmitStage", filled=frozenset({"columns", "targets"})
    ),
)
"""In the order in which they run."""

STAGES = {stage.name: stage for stage in _STAGES}

APPLIED = {
    "extract": "stages.web.extract_stage:ExtractStage",
    "recall": "stages.recall.classifier.apply:RecallApply",
    "tokenize": "stages.emit.tokenize:TokenizeStage",
}
"""Map stages that exist for `sluice apply` alone."""


@dataclass(frozen=True)
class Corpus:
    """What comes from one kind of input: its source (`package.module:Class`)."""

    source: str
    options: str
    """The source's options model, in the module `options` of its package."""
    settings: str
    """The corpus in whose tables a configuration sets its stages: its own or another one's."""

    @property
    def model(self) -> type[Options]:
        """The options of its source, written flat in `[CORPUS]`."""
        return _model(f"stages.{self.settings}.options", self.options)


CORPORA = {
    SEEDS: Corpus("stages.web.stage:WebSource", "WebOptions", settings=WEB),
    EVENTS: Corpus("stages.github.gharchive.source:EventSource", "GithubOptions", settings=GITHUB),
    GITHUB: Corpus("stages.github.stage:GithubSource", "GithubOptions", settings=GITHUB),
    WEB: Corpus("stages.web.stage:WebSource", "WebOptions", settings=WEB),
}
"""In the order in which they run: recall learns from the seeds, discussions are made of events."""

CONFIGURED = tuple(name for name, corpus in CORPORA.items() if corpus.settings == name)
"""The corpora that a configuration describes and that are emitted."""

INTERNAL = tuple(name for name in CORPORA if name not in CONFIGURED)
"""The corpora that others are made with."""


def stages_of(corpus: str) -> list[str]:
    """The stages that run on a corpus between documents and emit, in order."""
    return [name for name, stage in STAGES.items() if corpus in (*stage.corpora, *stage.own)]


def stage_names() -> list[str]:
    """Every stage of every corpus by its full name, documents first, emit last."""
    names = [f"{corpus}.{name}" for corpus in CORPORA for name in (DOCUMENTS, *stages_of(corpus))]
    return [*names, *(name for name, stage in STAGES.items() if not stage.corpora)]


def stage_of(name: str, corpus: str | None = None) -> Stage:
    """A stage, as this corpus has it."""
    stage = STAGES[name]
    return stage.own.get(corpus or "", stage)


def settings_corpus(corpus: str) -> str:
    """The corpus whose tables set this one's stages."""
    return CORPORA[corpus].settings if corpus in CORPORA else corpus


def applicable() -> dict[str, str]:
    """The map stages that stand alone: name → `package.module:Class`."""
    alone = {
        name: stage.target(stage.map)
        for name, stage in STAGES.items()
        if stage.map is not None and stage.corpus is None and stage.stands_alone
    }
    return alone | APPLIED


@cache
def _model(module: str, name: str) -> type[Options]:
    model: type[Options] = getattr(import_module(module), name)
    return model
