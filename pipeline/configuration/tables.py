"""The tables of a configuration file, checked one by one and merged stage by stage.

`[dedup]` holds for every corpus that has the stage, `[web.dedup]` wins over it key by key. The
top-level `seed` and `tokenizer` are the defaults of the stage options of those names.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.configuration.overrides import merge
from pipeline.configuration.registry import (
    CORPORA,
    SOURCES,
    STAGES,
    model_of,
    options_model,
    settings_of,
    stages_of,
)
from pipeline.configuration.settings import INPUTS, EngineOptions, GeneralOptions
from pipeline.configuration.validation import unknown, validate
from stages.contract import Options
from stages.errors import ConfigError

DOCUMENTS = "documents"
"""The name of every corpus's source stage."""

_SHARED = ("seed", "tokenizer")


def settings() -> Iterator[tuple[str, str, FieldInfo]]:
    """Every setting: its table's dotted name (empty for the top level), its key, its field."""
    flat: list[tuple[str, type[Options]]] = [("", GeneralOptions), ("engine", EngineOptions)]
    for corpus in CORPORA:
        flat += [(corpus, INPUTS[corpus]), (corpus, options_model(SOURCES[corpus]))]
    for prefix, model in flat:
        for key, field in model.model_fields.items():
            yield prefix, key, field
    for stage, registered in STAGES.items():
        for owner in (None, *registered.own):
            fields = model_of(stage, owner).model_fields
            for key in settings_of(stage, owner):
                yield f"{owner}.{stage}" if owner else stage, key, fields[key]


def known_names() -> list[str]:
    """Every name a configuration may hold: tables, and the keys in them."""
    names = ["engine", *CORPORA, *STAGES]
    names += [f"{table}.{key}".strip(".") for table, key, _ in settings()]
    for corpus in CORPORA:
        for stage in stages_of(corpus):
            names += [f"{corpus}.{stage}"]
            names += [f"{corpus}.{stage}.{key}" for key in settings_of(stage, corpus)]
    return list(dict.fromkeys(names))


def split(table: Mapping[str, Any], known: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The file's tables by dotted name; unknown tables raise ConfigError."""
    found: dict[str, dict[str, Any]] = {"": {}}
    for key, value in table.items():
        if key in GeneralOptions.model_fields:
            found[""][key] = value
        elif key in CORPORA:
            found |= _split_corpus(key, _expect_table(key, value), known)
        elif key == "engine" or key in STAGES:
            found[key] = _expect_table(key, value)
        else:
            raise ConfigError(unknown(key, value, known))
    return found


def _split_corpus(
    corpus: str, table: dict[str, Any], known: Sequence[str]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {corpus: {}, f"{corpus}.{DOCUMENTS}": {}}
    for key, value in table.items():
        name = f"{corpus}.{key}"
        if key in stages_of(corpus):
            found[name] = _expect_table(name, value)
        elif key in INPUTS[corpus].model_fields:
            found[corpus][key] = value
        elif key in options_model(SOURCES[corpus]).model_fields:
            found[f"{corpus}.{DOCUMENTS}"][key] = value
        elif key in STAGES:
            raise ConfigError(
                f"`{name}`: the {corpus} corpus has no stage {key}; "
                f"it has {', '.join(stages_of(corpus))}"
            )
        else:
            raise ConfigError(unknown(name, value, known))
    return found


def _expect_table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"`{name}` is a table; write [{name}], or {name}.KEY = {value!r}")
    return value


def stage_options(
    tables: Mapping[str, dict[str, Any]], general: GeneralOptions, known: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The validated options of every stage, by the stage's name, as JSON values."""
    options: dict[str, dict[str, Any]] = {}
    for corpus in CORPORA:
        name = f"{corpus}.{DOCUMENTS}"
        model = options_model(SOURCES[corpus])
        options[name] = _dump(validate(model, tables.get(name, {}), corpus, known))
    for stage, registered in STAGES.items():
        model = options_model(registered.options)
        own = tables.get(stage, {})
        for key in registered.filled & own.keys():
            raise ConfigError(unknown(f"{stage}.{key}", own[key], known))
        validate(model, own, stage, known)
        shared = {key: getattr(general, key) for key in _SHARED if key in model.model_fields}
        if not registered.corpora:
            options[stage] = _dump(validate(model, merge(shared, own), stage, known))
        for corpus in registered.own:
            name = f"{corpus}.{stage}"
            own_model = model_of(stage, corpus)
            options[name] = _dump(
                validate(own_model, merge(shared, tables.get(name, {})), name, known)
            )
        for corpus in registered.corpora:
            name = f"{corpus}.{stage}"
            defaults = registered.defaults.get(corpus, {})
            merged = merge(shared, defaults, own, tables.get(name, {}))
            options[name] = _dump(validate(model, merged, name, known))
    return options


def _dump(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json")
