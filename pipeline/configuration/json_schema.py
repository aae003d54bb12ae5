"""The configuration as a JSON schema, for editors that complete and check TOML (taplo).

Made from the models that check a configuration, through the one register, so that it names what
they name. It is the wider of the two: a value whose rule is code (a target's name) passes here and
is refused there, and so does a configuration that names no inputs, which `--set` may add.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)
from pydantic_core import core_schema

from pipeline.configuration.registry import CONFIGURED, CORPORA, STAGES, Stage, stage_of, stages_of
from pipeline.configuration.settings import ALONE, INPUTS, GeneralOptions
from stages.contract import Options

DIALECT = GenerateJsonSchema.schema_dialect
_MODE: JsonSchemaMode = "validation"


def json_schema() -> dict[str, Any]:
    """The schema of a whole file."""
    models = list(dict.fromkeys(_models()))
    found, definitions = models_json_schema(
        [(model, _MODE) for model in models], schema_generator=_TomlSchema
    )
    nested = definitions["$defs"]
    names = {model: found[model, _MODE]["$ref"].rpartition("/")[2] for model in models}
    tables = {model: nested.pop(name)["properties"] for model, name in names.items()}
    properties = dict(tables[GeneralOptions])
    properties |= {name: _table(model, tables[model]) for name, model in ALONE.items()}
    for corpus in CONFIGURED:
        stages = {name: stage_of(name, corpus) for name in stages_of(corpus)}
        below = {
            name: _stage_table(stage, tables, corpus)
            for name, stage in stages.items()
            if stage.settings
        }
        flat = tables[INPUTS[corpus]] | tables[CORPORA[corpus].model]
        properties[corpus] = _table(INPUTS[corpus], flat | below)
    properties |= {
        name: _stage_table(stage, tables) for name, stage in STAGES.items() if stage.settings
    }
    whole = _table(GeneralOptions, properties)
    return {"$schema": DIALECT, "title": "Configuration of Sluice", **whole, "$defs": nested}


def _models() -> Iterator[type[Options]]:
    """Every model that checks a part of a configuration."""
    yield GeneralOptions
    yield from ALONE.values()
    for corpus in CONFIGURED:
        yield INPUTS[corpus]
        yield CORPORA[corpus].model
    for stage in STAGES.values():
        yield stage.model
        yield from (own.model for own in stage.own.values())


def _stage_table(
    stage: Stage, tables: Mapping[type[Options], dict[str, Any]], corpus: str | None = None
) -> JsonSchemaValue:
    """A stage's table, with the defaults it has on this corpus. What the pipeline fills in is no
    setting."""
    defaults = stage.defaults.get(corpus or "", {})
    properties = {name: dict(tables[stage.model][name]) for name in stage.settings}
    for name, default in defaults.items():
        properties[name]["default"] = default
    return _table(stage.model, properties)


def _table(model: type[Options], properties: dict[str, Any]) -> JsonSchemaValue:
    """Nothing has to be there: a corpus's own table lies on the shared one, `--set` on both."""
    return {
        "type": "object",
        "description": " ".join((model.__doc__ or "").split()),
        "additionalProperties": False,
        "properties": properties,
    }


class _TomlSchema(GenerateJsonSchema):
    """As TOML has it: no null, a lone string stands for a list of one, and no title repeats a
    key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default", 0) is None:
            del described["default"]
        return described

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        return _or_one(super().tuple_schema(schema))

    def list_schema(self, schema: core_schema.ListSchema) -> JsonSchemaValue:
        return _or_one(super().list_schema(schema))

    def set_schema(self, schema: core_schema.SetSchema) -> JsonSchemaValue:
        return _or_one(super().set_schema(schema))

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> JsonSchemaValue:
        return _or_one(super().frozenset_schema(schema))


def _or_one(array: JsonSchemaValue) -> JsonSchemaValue:
    one = array.get("items", {})
    return {"anyOf": [array, one]} if one.get("type") == "string" else array
