"""All that the golden digests touch of the product: the one place to adapt when something moves."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.ablation.options import load_options
from pipeline.ablation.variants import AblationStage, make_variants
from pipeline.apply.map import apply
from pipeline.configuration import Config, load
from pipeline.configuration.registry import (
    CORPORA,
    DOCUMENTS,
    REMOVE,
    STAGES,
    Stage,
    applicable,
)
from pipeline.engine.discussions import SOURCE, STEP
from pipeline.engine.runner import Monitor
from pipeline.engine.work.task import stage_class
from pipeline.run import run
from pipeline.storage.ledger_names import LEDGER_SUFFIX, RECEIPT_SUFFIX
from pipeline.storage.location import open_storage
from pipeline.storage.receipts import Receipt, parse_receipts

__all__ = [
    "Config",
    "Monitor",
    "Receipt",
    "apply",
    "load",
    "load_options",
    "make_variants",
    "open_storage",
    "parse_receipts",
    "run",
]

ROOT = Path(__file__).parents[2]
RECEIPTS = (LEDGER_SUFFIX, RECEIPT_SUFFIX, ".receipts.json")
"""How the names of files end that hold receipts."""


def applied_version(name: str) -> int:
    """The version of a stage of `sluice apply`."""
    version: int = stage_class(applicable()[name]).version
    return version


def registered() -> Iterator[tuple[str, int, re.Pattern[str]]]:
    """Every stage that the product registers: its class, its version, the names of its steps."""
    for corpus, source in CORPORA.items():
        yield _class(source.source, rf"{corpus}\.{DOCUMENTS}")
    yield _class(SOURCE, rf"{re.escape(STEP)}\..+")
    for name, stage in STAGES.items():
        if name == REMOVE:
            continue
        others = "".join(rf"(?!{owner}\.)" for owner in stage.own)
        yield from _of_stage(stage, rf"{others}\w+\.{name}")
        for owner, own in stage.own.items():
            yield from _of_stage(own, rf"{owner}\.{name}")
    for name, reference in applicable().items():
        yield _class(reference, rf"apply\.{name}")
    yield AblationStage.__name__, AblationStage.version, re.compile(r"ablation\..+")


def _of_stage(stage: Stage, prefix: str) -> Iterator[tuple[str, int, re.Pattern[str]]]:
    if stage.map:
        yield _class(stage.target(stage.map), rf"{prefix}(\.measure|\.decide)?")
    if stage.corpus:
        yield _class(stage.target(stage.corpus), rf"({prefix}\.decide|{stage.name})\..+")


def _class(reference: str, steps: str) -> tuple[str, int, re.Pattern[str]]:
    found: Any = stage_class(reference)
    return found.__name__, found.version, re.compile(steps)


def versioned_classes() -> set[str]:
    """Names of all classes of the source that have a `version`, registered or not."""
    return {
        name
        for name, body in _classes()
        if any(
            isinstance(one, ast.AnnAssign) and one.value and ast.unparse(one.target) == "version"
            for one in body
        )
    }


def step_classes() -> set[str]:
    """Names of the steps of corpus stages in the source: classes that are called with batches."""
    return {
        name
        for name, body in _classes("stages")
        if any(
            isinstance(one, ast.FunctionDef)
            and one.name == "__call__"
            and "Batches" in ast.unparse(one.args)
            for one in body
        )
    }


def _classes(*packages: str) -> Iterator[tuple[str, list[ast.stmt]]]:
    for package in packages or ("stages", "pipeline"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                protocol = isinstance(node, ast.ClassDef) and "Protocol" in map(
                    ast.unparse, node.bases
                )
                if isinstance(node, ast.ClassDef) and not protocol:
                    yield node.name, node.body
