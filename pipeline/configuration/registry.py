"""Which stages a configuration may speak of: one line each, in the order in which they run.

A stage's options model is named, not imported, so that reading a configuration imports only the
light `options` modules.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from stages.contract import Options

CORPORA = ("github", "web")
"""The corpora that a configuration describes."""


@dataclass(frozen=True)
class Registered:
    """A stage: its options model (`module:class`), the corpora that have it (none: it runs once,
    over all), and the defaults that differ between corpora."""

    options: str
    corpora: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    """Options that the pipeline fills in: no settings."""
    own: Mapping[str, str] = field(default_factory=dict)
    """Corpora whose stage of this name has an options model of its own: `[CORPUS.STAGE]` alone
    sets those, `[STAGE]` does not reach them."""


SOURCES = {
    "github": "stages.github.options:GithubOptions",
    "web": "stages.web.options:WebOptions",
}
"""The options of each corpus's source, written flat in `[github]` and `[web]`."""

STAGES = {
    "language": Registered("stages.language.options:LanguageOptions", ("github",)),
    "rules": Registered("stages.rules.options:RulesOptions", ("github",)),
    "dedup": Registered(
        "stages.dedup.options:DedupOptions", ("github", "web"), {"web": {"cjk": True}}
    ),
    "recall": Registered(
        "stages.recall.options:RecallOptions",
        ("web",),
        own={"github": "stages.recall.options:QualityOptions"},
    ),
    "decontaminate": Registered(
        "stages.decontaminate.options:DecontaminateOptions", ("github", "web")
    ),
    "redact": Registered("stages.redact.options:RedactOptions", ("github", "web")),
    "concatenate": Registered("stages.concatenate.options:ConcatenateOptions", ("github",)),
    "emit": Registered("stages.emit.options:EmitOptions", filled=frozenset({"columns", "targets"})),
}


@cache
def options_model(reference: str) -> type[Options]:
    """The options model that `module:class` names."""
    module, _, name = reference.partition(":")
    model: type[Options] = getattr(import_module(module), name)
    return model


def stages_of(corpus: str) -> list[str]:
    """The stages that run on a corpus, in order."""
    return [name for name, stage in STAGES.items() if corpus in (*stage.corpora, *stage.own)]


def model_of(stage: str, corpus: str | None = None) -> type[Options]:
    """The options model of a stage, as this corpus has it."""
    registered = STAGES[stage]
    return options_model(registered.own.get(corpus or "", registered.options))


def settings_of(stage: str, corpus: str | None = None) -> list[str]:
    """The names of a stage's options that a user may set, as this corpus has them."""
    filled = STAGES[stage].filled
    return [name for name in model_of(stage, corpus).model_fields if name not in filled]
