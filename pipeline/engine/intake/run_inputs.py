"""What a run is made of: its configuration's patterns, held against what it had before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.configuration import Config
from pipeline.configuration.names import StepName
from pipeline.configuration.registry import DOCUMENTS, EVENTS, GITHUB, SEEDS, WEB
from pipeline.engine.chain import seed_patterns
from pipeline.storage.commoncrawl.access import SCHEME as CRAWL
from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.credentials import public_url
from pipeline.storage.intake.input_record import CorpusRecord, load
from pipeline.storage.intake.inputs import InputSpec, content_digest, expand, is_hour, marked
from pipeline.storage.intake.repository_metadata import read_metadata
from pipeline.storage.receipts import Receipt
from pipeline.storage.storage import Storage
from schemas.quarantine import UNREADABLE
from stages.contract import Input
from stages.github.identity import repository_name

ByCorpus = dict[str, list[InputSpec]]
MAX_SHOWN = 5
PRUNE = "--prune-inputs"


@dataclass(frozen=True)
class RunInputs:
    """What a run had, has and loses. `lines` says which inputs are named no longer."""

    recorded: ByCorpus
    """Every input the run ever had, for `inputs.json`."""
    current: ByCorpus
    """Those it is made of now."""
    lines: list[str]


def run_inputs(config: Config, storage: Storage) -> RunInputs:
    """The inputs of a run, by its configuration and by what it had before. Hours of events are
    inputs of GitHub, and once more by themselves.

    Pages and repositories stay when their input is gone, unless `prune_inputs` is set; a seed file
    that the configuration names no more must not, or it would take the place of the same documents
    in another one.
    """
    metadata = read_metadata(config.github.metadata)
    recorded = load(storage)
    crawl = _crawl(config)
    current: ByCorpus = {}
    named_by = {GITHUB: config.github.inputs, WEB: config.web.inputs}
    lines: list[str] = []
    for corpus, drop, prune in (
        (GITHUB, config.github.drop, config.github.prune_inputs),
        (WEB, config.web.drop, config.web.prune_inputs),
        (SEEDS, (), True),
    ):
        patterns = seed_patterns(config, current) if corpus == SEEDS else named_by[corpus]
        rows = metadata if corpus == GITHUB else {}
        known = [_with_metadata(spec, rows) for spec in recorded.get(corpus, [])]
        record = CorpusRecord(storage, corpus, known)
        may_be_gone = record.was_read if corpus != SEEDS else None
        named = expand(corpus, patterns, may_be_gone, crawl=crawl, recorded=known)
        found = [marked(_with_metadata(spec, rows)) for spec in named]
        inputs = record.place(
            found,
            drop=drop,
            shard_bytes=config.github.shard_bytes if corpus == GITHUB else 0,
            identify=repository_of if corpus == GITHUB else None,
            keep_gone=not prune,
        )
        if inputs.unnamed and corpus != SEEDS:
            lines.append(f"{StepName(corpus, DOCUMENTS)}: {_unnamed(inputs.unnamed, prune)}")
        recorded[corpus] = inputs.recorded
        current[corpus] = [
            replace(spec, crawl=crawl) if spec.uri.startswith(CRAWL) else spec
            for spec in inputs.current
        ]
    current[EVENTS] = [spec for spec in current[GITHUB] if is_hour(spec)]
    return RunInputs(recorded, current, lines)


def _unnamed(specs: Sequence[InputSpec], prune: bool) -> str:
    names = ", ".join(spec.name for spec in specs[:MAX_SHOWN])
    more = f" and {len(specs) - MAX_SHOWN:,} more" if len(specs) > MAX_SHOWN else ""
    inputs = "an input that is" if len(specs) == 1 else f"{len(specs):,} inputs that are"
    if prune:
        return f"the documents of {inputs} named no longer leave the run: {names}{more}"
    return (
        f"the documents of {inputs} named no longer stay in the run: {names}{more}; {PRUNE} takes "
        "them out"
    )


def known_inputs(specs: Sequence[InputSpec], receipt: Receipt | None) -> Any:
    """Name and hash of every input: the recorded hash while its mark is the same, else that of
    the content now, which an unreadable input may have by now. Without a receipt nothing is known
    before the input is read."""
    if receipt is None:
        return "unread"
    recorded = {public_url(one["uri"]): one for one in receipt.summary["inputs"]}
    return [[spec.name, _known_digest(spec.absolute(), recorded)] for spec in specs]


def _crawl(config: Config) -> CommonCrawl:
    """`[commoncrawl]` for workers, whose working directory is another."""
    crawl = CommonCrawl(**config.commoncrawl.model_dump())
    crawl.require()
    return crawl if crawl.keep is None else replace(crawl, keep=str(Path(crawl.keep).absolute()))


def _known_digest(spec: InputSpec, recorded: Mapping[str, Any]) -> str:
    if spec.xxh3:
        return spec.xxh3
    one = recorded.get(spec.uri, {"xxh3": UNREADABLE})
    if one["xxh3"] != UNREADABLE and (one["size"], one["mark"]) == (spec.size, spec.mark):
        return str(one["xxh3"])
    if spec.uri.startswith(CRAWL):
        return "unread"  # a worker finds out: a crawl is not fetched by its driver
    return content_digest(spec)


def _with_metadata(spec: InputSpec, metadata: Mapping[str, dict[str, Any]]) -> InputSpec:
    row = metadata.get(spec.uri) or metadata.get(spec.name)
    return spec if row is None else replace(spec, metadata=tuple(sorted(row.items())))


def repository_of(spec: InputSpec) -> str | None:
    """OWNER/REPO, where name, address or metadata tell."""
    given = Input(spec.name, spec.uri, folder=spec.folder, metadata=dict(spec.metadata))
    return repository_name(given)
