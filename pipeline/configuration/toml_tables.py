"""The tables of a configuration file, checked one by one and merged stage by stage.

`[dedup]` holds for every corpus that has the stage, `[web.dedup]` wins over it key by key. The
top-level `seed` and `tokenizer` are the defaults of the stage options of those names.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from pipeline.configuration.overrides import merge
from pipeline.configuration.registry import (
    CONFIGURED,
    CORPORA,
    DOCUMENTS,
    STAGES,
    Stage,
    stage_of,
    stages_of,
)
from pipeline.configuration.settings import ALONE, INPUTS, GeneralOptions
from pipeline.configuration.validation import Problems, shown, unknown
from stages.contract import Options

_SHARED = ("seed", "tokenizer")


def settings() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every setting: its table's dotted name (empty for the top level), its key, its field."""
    flat: list[tuple[str, type[Options]]] = [("", GeneralOptions), *ALONE.items()]
    for corpus in CONFIGURED:
        flat += [(corpus, INPUTS[corpus]), (corpus, CORPORA[corpus].model)]
    for prefix, model in flat:
        for key, field in model.model_fields.items():
            yield prefix, key, field
    for name, stage in STAGES.items():
        for owner, one in ((None, stage), *stage.own.items()):
            for key in one.settings:
                yield f"{owner}.{name}" if owner else name, key, one.model.model_fields[key]


def known_names() -> list[str]:
    """Every name a configuration may hold: tables, and the keys in them."""
    names = [*ALONE, *CONFIGURED, *(name for name, stage in STAGES.items() if stage.settings)]
    names += [f"{table}.{key}".strip(".") for table, key, _ in settings()]
    for corpus in CONFIGURED:
        for stage in stages_of(corpus):
            keys = stage_of(stage, corpus).settings
            names += [f"{corpus}.{stage}"] if keys else []
            names += [f"{corpus}.{stage}.{key}" for key in keys]
    return list(dict.fromkeys(names))


def split(
    table: Mapping[str, Any], known: Sequence[str], problems: Problems
) -> dict[str, dict[str, Any]]:
    """The file's tables by dotted name, without those that there are not."""
    found: dict[str, dict[str, Any]] = {"": {}}
    for key, value in table.items():
        if key in GeneralOptions.model_fields:
            found[""][key] = value
        elif key in CONFIGURED:
            found |= _split_corpus(key, _table(key, value, problems), known, problems)
        elif key in ALONE or key in STAGES:
            found[key] = _table(key, value, problems)
        else:
            problems.add(unknown(key, value, known))
    return found


def _split_corpus(
    corpus: str, table: dict[str, Any], known: Sequence[str], problems: Problems
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {corpus: {}, f"{corpus}.{DOCUMENTS}": {}}
    for key, value in table.items():
        name = f"{corpus}.{key}"
        if key in stages_of(corpus):
            found[name] = _table(name, value, problems)
        elif key in INPUTS[corpus].model_fields:
            found[corpus][key] = value
        elif key in CORPORA[corpus].model.model_fields:
            found[f"{corpus}.{DOCUMENTS}"][key] = value
        elif key in STAGES:
            problems.add(
                f"`{name}`: the {corpus} corpus has no stage {key}; "
                f"it has {', '.join(stages_of(corpus))}"
            )
        else:
            problems.add(unknown(name, value, known))
    return found


def _table(name: str, value: Any, problems: Problems) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    problems.add(f"`{name}` is a table; write [{name}], or {name}.KEY = {shown(value, name)}")
    return {}


def stage_options(
    tables: Mapping[str, dict[str, Any]],
    general: GeneralOptions,
    known: Sequence[str],
    problems: Problems,
) -> dict[str, Options]:
    """The options of every stage, by the stage's name."""
    options: dict[str, Options] = {}
    for corpus in CONFIGURED:
        name = f"{corpus}.{DOCUMENTS}"
        model = CORPORA[corpus].model
        options[name] = problems.validate(model, tables.get(name, {}), corpus, known)
    for stage in STAGES.values():
        options |= _options_of(stage, tables, general, known, problems)
    return options


def _options_of(
    stage: Stage,
    tables: Mapping[str, dict[str, Any]],
    general: GeneralOptions,
    known: Sequence[str],
    problems: Problems,
) -> dict[str, Options]:
    """One stage's, on every corpus that has tables of its own."""
    for name in (stage.name, *(f"{corpus}.{stage.name}" for corpus in CONFIGURED)):
        table = tables.get(name, {})
        for key in stage.filled & table.keys():
            problems.add(unknown(f"{name}.{key}", table[key], known))
    shared, before = tables.get(stage.name, {}), len(problems)
    merged = merge(_general(stage, general), shared)
    alone = problems.validate(stage.model, merged, stage.name, known)
    if len(problems) > before:
        shared = {}  # what is wrong with it is said once
    if not stage.corpora:
        return {stage.name: alone}
    options: dict[str, Options] = {}
    for corpus in CONFIGURED:
        name = f"{corpus}.{stage.name}"
        own = tables.get(name, {})
        if corpus in stage.own:
            one = stage.own[corpus]
            merged = merge(_general(one, general), own)
            options[name] = problems.validate(one.model, merged, name, known)
        elif corpus in stage.corpora:
            defaults = stage.defaults.get(corpus, {})
            merged = merge(_general(stage, general), defaults, shared, own)
            options[name] = problems.validate(stage.model, merged, name, known)
    return options


def _general(stage: Stage, general: GeneralOptions) -> dict[str, Any]:
    """The top-level keys that are defaults of a stage's options."""
    return {key: getattr(general, key) for key in _SHARED if key in stage.model.model_fields}
