"""The JSON schema of a configuration says what the loader says, as far as a schema can."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.configuration import load
from pipeline.configuration.json_schema import DIALECT, json_schema
from pipeline.configuration.registry import STAGES
from pipeline.configuration.toml_tables import known_names
from stages.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))
SCHEMA = json_schema()
INPUTS = "[github]\ninputs = ['x']\n"


def complaints(table: Any) -> list[str]:
    """What the schema finds wrong; editors show dates and paths as strings."""
    plain = json.loads(json.dumps(table, default=str))
    return [error.json_path for error in Draft202012Validator(SCHEMA).iter_errors(plain)]


def test_it_is_a_schema_of_its_dialect() -> None:
    """2020-12, which it names itself."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_the_shipped_configurations_are_valid(path: Path) -> None:
    """An editor underlines nothing in them."""
    assert complaints(tomllib.loads(path.read_text(encoding="utf-8"))) == []


def test_every_default_is_valid() -> None:
    """What a run writes down of its configuration is one itself."""
    resolved = load(None, ["github.inputs=x"]).resolved()
    assert complaints(resolved) == []


def test_it_names_exactly_the_settings_there_are() -> None:
    """Tables, and the keys in them; those of nested tables are the models' own."""
    found = []
    for key, below in SCHEMA["properties"].items():
        found.append(key)
        for name, deeper in below.get("properties", {}).items():
            found.append(f"{key}.{name}")
            if key in ("github", "web") and name in STAGES:
                found += [f"{key}.{name}.{last}" for last in deeper["properties"]]
    assert sorted(found) == sorted(known_names())


def test_a_corpus_shows_the_defaults_it_has() -> None:
    """CJK text is split by character on the web."""
    corpora = {name: SCHEMA["properties"][name]["properties"] for name in ("github", "web")}
    shown = {name: one["dedup"]["properties"]["cjk"]["default"] for name, one in corpora.items()}
    assert shown == {"github": False, "web": True}


@pytest.mark.parametrize(
    "text",
    [
        "[web]\ninputs = 'cc:CC-MAIN-2024-10?n=1'",
        "[github]\ninputs = ['x']\ncreated_before = 2023-11-01",
        INPUTS + "[web.recall.targets.code]\nseeds = 'code.jsonl'",
        INPUTS + "[engine]\nrecord_seconds = inf",
        INPUTS + "[engine.resources.'web.documents']\ncpus = 2",
        INPUTS + "[github.columns]\ntext = 'content'",
        INPUTS + "[decontaminate]\nbenchmarks = 'folder'",
    ],
)
def test_what_loads_is_valid(tmp_path: Path, text: str) -> None:
    """A lone string for a list, dates, infinities, tables of one's own names."""
    path = tmp_path / "a.toml"
    path.write_text(text)
    load(path)
    assert complaints(tomllib.loads(text)) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[dedup]\ntreshold = 0.8", "$.dedup"),
        ("[web.dedup]\ntreshold = 0.8", "$.web.dedup"),
        ("[dedupe]\nthreshold = 0.8", "$"),
        ("[web]\nlanguage = {}", "$.web"),
        ("[emit]\ncolumns = ['x']", "$.emit"),
        ("[recall]\nquality = true", "$.recall"),
        ("[engine.resources.'web.dedup']\ncpu = 2", "$.engine.resources['web.dedup']"),
        ("dedup = 3", "$.dedup"),
        ("[dedup]\nthreshold = 'high'", "$.dedup.threshold"),
        ("[dedup]\nthreshold = 1.5", "$.dedup.threshold"),
        ("[dedup]\nexact = 'true'", "$.dedup.exact"),
        ("[decontaminate]\nbenchmarks = [0]", "$.decontaminate.benchmarks"),
        ("[concatenate]\norder = 'sideways'", "$.concatenate.order"),
        ("seed = -1", "$.seed"),
    ],
)
def test_what_is_refused_is_not_valid(tmp_path: Path, text: str, where: str) -> None:
    """A misspelt key, a key of another table, a wrong type, a value out of range."""
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load(path, ["github.inputs=x"])
    assert complaints(tomllib.loads(text)) == [where]
