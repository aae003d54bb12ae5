"""The settings that belong to no stage: the top level, the engine, and what each corpus reads."""

from typing import Literal

from pydantic import Field

from pipeline.storage.commoncrawl.access import CONNECTIONS, HTTPS
from stages.contract import Options


class GeneralOptions(Options):
    """Keys at the top of the file."""

    run: str | None = Field(None, description="run folder; default runs/ and the file's stem")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of every random choice")
    tokenizer: str = Field(
        "deepseek-v2", description="a tokenizer's name, or the path of a tokenizer.json"
    )
    report: bool = Field(
        True, description="write report/index.html at the end of every run that wrote shards"
    )


class StageResources(Options):
    """What one task of a stage may use, for the scheduler."""

    cpus: float = Field(1.0, gt=0, description="cores of one task")
    memory_bytes: int | None = Field(
        None, ge=100_000_000, description="memory of one task; default: engine.task_memory_bytes"
    )


class EngineOptions(Options):
    """How work is scheduled; nothing here changes what is written."""

    workers: int | None = Field(None, ge=1, description="parallel tasks; default: one per core")
    window: int = Field(
        2, ge=1, description="tasks handed out per worker before one of them has ended"
    )
    task_memory_bytes: int = Field(
        2_000_000_000, ge=100_000_000, description="memory reserved for one task"
    )
    resources: dict[str, StageResources] = Field(
        default_factory=dict,
        description='tasks of one stage: [engine.resources."web.documents"] cpus, memory_bytes',
    )
    max_attempts: int = Field(3, ge=1, description="tries of a task whose worker or node died")
    max_quarantine_rate: float = Field(
        0.01,
        ge=0,
        le=1,
        description="share of quarantined records, once 1,000 were seen, that fails a stage",
    )
    record_seconds: float = Field(
        60.0,
        gt=0,
        description="seconds one record may take before it is quarantined; inf: no limit",
    )


class GithubInputs(Options):
    """What the github corpus is made from."""

    inputs: tuple[str, ...] = Field(
        (),
        description="globs of archives, git repositories, bundles, tables, hours of GH Archive "
        "(`2024-01-31-7.json.gz`) and folders, or `installed:NAME` (`installed:*` for every "
        "installed Python package)",
    )
    drop: tuple[str, ...] = Field(
        (),
        description="inputs that leave the run, by name or glob: their documents go, and their "
        "shard numbers stay reserved",
    )
    prune_inputs: bool = Field(
        False,
        description="inputs that were read and are named no longer leave the run, too "
        "(`sluice run --prune-inputs`)",
    )
    metadata: str | None = Field(
        None,
        description="JSONL or Parquet with input, repo, revision, created_at, stars, license",
    )
    shard_bytes: int = Field(
        128_000_000, ge=1, description="stored bytes of repositories packed into one shard"
    )


class WebInputs(Options):
    """What the web corpus is made from."""

    inputs: tuple[str, ...] = Field(
        (),
        description="globs or URLs of WARC files, or crawls by name "
        "(`cc:CC-MAIN-2024-10?n=100&seed=0&subset=warc`), one shard a file",
    )
    drop: tuple[str, ...] = Field(
        (),
        description="inputs that leave the run, by name or glob: their pages go, and their shard "
        "numbers stay reserved",
    )
    prune_inputs: bool = Field(
        False,
        description="inputs that were read and are named no longer leave the run, too "
        "(`sluice run --prune-inputs`)",
    )


class CommonCrawlOptions(Options):
    """How inputs `cc:CRAWL` are chosen and fetched."""

    source: str = Field(
        HTTPS, description="where the bucket is: https://HOST or s3://BUCKET (s3://commoncrawl)"
    )
    connections: int = Field(
        CONNECTIONS,
        ge=1,
        le=100,
        description="requests at once, of all workers together; Common Crawl asks for 10 at most",
    )
    contact: str = Field(
        "",
        max_length=200,
        description="how Common Crawl can reach you, such as an address; part of the User-Agent",
    )
    keep: str | None = Field(
        None, description="folder where files stay that were read whole; default: nothing is stored"
    )
    n_warcs: int | None = Field(
        None, ge=1, description="files of a `cc:` input that has no `n`; default: all of the crawl"
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="seed of the sample, of a `cc:` input that has none"
    )
    subset: Literal["warc", "crawldiagnostics", "robotstxt"] = Field(
        "warc", description="part of the crawl, of a `cc:` input that has none"
    )


INPUTS: dict[str, type[Options]] = {"github": GithubInputs, "web": WebInputs}

ALONE: dict[str, type[Options]] = {"engine": EngineOptions, "commoncrawl": CommonCrawlOptions}
"""Tables that are no stage's and no corpus's."""
