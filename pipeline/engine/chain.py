"""Which stages a run has: the register's, as far as the configuration asks for them."""

from collections.abc import Mapping, Sized

from pipeline.configuration import Config
from pipeline.configuration.registry import (
    CONFIGURED,
    DOCUMENTS,
    EMIT,
    GITHUB,
    RECALL,
    REMOVE,
    TOKENS,
    WEB,
    stages_of,
)
from stages.recall.options import BPE, LoopOptions, QualityOptions, RecallOptions
from stages.tokens.options import TokensOptions


def recalls(corpus: str, config: Config) -> bool:
    """Whether there is anything to recall: targets on the web, seeds of quality on GitHub."""
    if corpus == GITHUB:
        return config.options(f"{GITHUB}.{RECALL}", QualityOptions).runs
    return bool(recall_options(config).targets)


def recall_options(config: Config) -> RecallOptions:
    """What the web's recall looks for."""
    return config.options(f"{WEB}.{RECALL}", RecallOptions)


def stores_tokens(corpus: str, config: Config) -> bool:
    """Whether the corpus has a table of tokens: always or never, or where recall reads it."""
    store = config.options(f"{corpus}.{TOKENS}", TokensOptions).store
    loop = config.options(f"{corpus}.{RECALL}", LoopOptions)
    reads = recalls(corpus, config) and loop.tokens == BPE
    return store == "always" or (store == "auto" and reads)


def seed_patterns(config: Config, inputs: Mapping[str, Sized]) -> list[str]:
    """The files that recall learns from: every target's seeds, then the negatives, then those of
    GitHub; none where there is nothing to recall, or no input (of a corpus) to recall from."""
    patterns: list[str] = []
    web = recall_options(config)
    if web.targets and inputs[WEB]:
        patterns += [seed for target in web.targets.values() for seed in target.seeds]
        patterns += web.negatives
    if inputs[GITHUB]:
        patterns += config.options(f"{GITHUB}.{RECALL}", QualityOptions).seeds
    return patterns


def chain_of(corpus: str, config: Config, *, removes: bool = False) -> list[str]:
    """The names of a corpus's stages, documents first, emit last.

    Seeds are read to be learned from, events to be put together, and neither is emitted. Without
    targets there is nothing to recall: every kept page is natural language. Files of high quality
    are marked where that was asked for, tokens kept where several stages read them. Documents are
    removed where the run folder lists any (`removes`).
    """
    asked_for = {RECALL: recalls, TOKENS: stores_tokens, REMOVE: lambda *_: removes}
    stages = [
        name
        for name in stages_of(corpus)
        if name not in asked_for or asked_for[name](corpus, config)
    ]
    return [DOCUMENTS, *stages, *([EMIT] if corpus in CONFIGURED else [])]
