"""Where a run is from: its inputs, when and by which versions it was made, with which options."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.configuration import load as load_configuration
from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CORPORA, DOCUMENTS
from pipeline.report.facts.opened import Opened
from pipeline.storage.intake.input_record import load
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.location import location
from pipeline.storage.receipts import parse_receipts

SHOWN_INPUTS = 6
PLACES = ("run", "inputs")
"""Settings that say where, not how."""
ANY = ["github.inputs=['any']"]
"""A configuration needs an input; what the rest is by default does not depend on it."""


def provenance(opened: Opened) -> dict[str, Any]:
    """The run file's facts, the inputs, and every option that is not its default."""
    made = opened.made
    return {
        "run": location(opened.run),
        "name": Path(location(opened.run)).name,
        "file": made.get("file"),
        "overrides": made.get("overrides", []),
        "started": made.get("started"),
        "ended": made.get("ended"),
        "commit": made.get("commit"),
        "versions": made.get("versions", {}),
        "flags": made.get("flags", []),
        "inputs": [
            {
                "corpus": corpus,
                "inputs": len(specs),
                "bytes": sum(spec.size for spec in specs),
                "first": [spec.name for spec in specs[:SHOWN_INPUTS]],
            }
            for corpus, specs in _inputs(opened).items()
        ],
        "options": options(made.get("configuration", {})),
    }


def _inputs(opened: Opened) -> dict[str, list[InputSpec]]:
    """Corpus → the inputs that its documents are from; recorded is all that the run ever had."""
    read = {
        one["name"]
        for corpus in CORPORA
        for receipt in parse_receipts(opened.storage, StepName(corpus, DOCUMENTS).folder).values()
        for one in receipt.summary["inputs"]
    }
    recorded = load(opened.storage).items()
    found = {corpus: [spec for spec in specs if spec.name in read] for corpus, specs in recorded}
    return {corpus: specs for corpus, specs in found.items() if specs}


def options(configuration: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings of a resolved configuration that differ from their defaults."""
    default = dict(_flat(load_configuration(None, ANY).resolved()))
    return [
        {"setting": key, "value": value, "default": default.get(key)}
        for key, value in _flat(configuration)
        if value != default.get(key) and key.rpartition(".")[2] not in PLACES
    ]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
