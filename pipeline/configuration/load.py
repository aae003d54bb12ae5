"""Reading a configuration: a TOML file, overrides on top, every value checked."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pipeline.configuration.names import StepName, expect_stage
from pipeline.configuration.overrides import NOT_TOML, apply_overrides
from pipeline.configuration.registry import (
    CONFIGURED,
    DOCUMENTS,
    GITHUB,
    STAGES,
    WEB,
    stage_names,
    stage_of,
    stages_of,
)
from pipeline.configuration.settings import (
    CommonCrawlOptions,
    EngineOptions,
    GeneralOptions,
    GithubInputs,
    WebInputs,
)
from pipeline.configuration.toml_tables import known_names, split, stage_options
from pipeline.configuration.validation import Problems, nearest, validate
from pipeline.storage.credentials import without_credentials
from stages.contract import Options
from stages.errors import ConfigError

Model = TypeVar("Model", bound=Options)

RUNS = Path("runs")
"""Where runs go that name no folder."""


@dataclass(frozen=True)
class Config:
    """A configuration that can work."""

    run: Path
    seed: int
    tokenizer: str
    report: bool
    engine: EngineOptions
    github: GithubInputs
    web: WebInputs
    commoncrawl: CommonCrawlOptions
    stages: Mapping[str, Options] = field(repr=False)
    """Stage name (`github.documents`, `web.dedup`, `emit`) to its options."""
    file: Path | None = field(default=None, compare=False)
    """Where it was read from."""
    overrides: tuple[str, ...] = field(default=(), compare=False)
    """What was set on top (`--set`)."""

    def options(self, stage: str | StepName, model: type[Model]) -> Model:
        """The options of a stage, which are of the type `model`. Seeds pass through the web's
        stages with the web's options."""
        if isinstance(stage, str):
            known = dict.fromkeys((*self.stages, *stage_names()))
            stage = expect_stage(stage, known, f"stage {stage!r}")
        options = self.stages[str(stage.configured)]
        assert isinstance(options, model), f"{stage} has {type(options).__name__}"
        return options

    def resolved(self) -> dict[str, Any]:
        """Everything that holds, defaults included, as a configuration of its own (JSON values),
        without credentials."""
        tables: dict[str, Any] = {
            "run": str(self.run),
            "seed": self.seed,
            "tokenizer": self.tokenizer,
            "report": self.report,
            "engine": self.engine.model_dump(mode="json", exclude_none=True),
            "commoncrawl": self.commoncrawl.model_dump(mode="json", exclude_none=True),
        }
        inputs = {"github": self.github, "web": self.web}
        for corpus in CONFIGURED:
            tables[corpus] = {
                **inputs[corpus].model_dump(mode="json", exclude_none=True),
                **_present(self.stages[f"{corpus}.{DOCUMENTS}"]),
                **{
                    name: _present(self.stages[f"{corpus}.{name}"])
                    for name in stages_of(corpus)
                    if stage_of(name, corpus).settings
                },
            }
        tables |= {
            name: _present(self.stages[name], set(stage.settings))
            for name, stage in STAGES.items()
            if not stage.corpora
        }
        resolved: dict[str, Any] = without_credentials(tables)
        return resolved


def load(
    path: Path | None = None, overrides: Sequence[str] = (), run: Path | None = None
) -> Config:
    """The configuration in `path` (none: the defaults alone) with `--set` overrides on top.

    The run folder is `run`, else the key `run`, else runs/ and the file's stem. ConfigError names
    field, value and the nearest valid name.
    """
    table = _read(path) if path is not None else {}
    try:
        built = _build(apply_overrides(table, overrides), path, run)
        return replace(built, file=path, overrides=tuple(overrides))
    except ConfigError as error:
        if path is None:
            raise
        raise ConfigError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from (
            error.__cause__
        )


def from_resolved(resolved: Mapping[str, Any], run: Path) -> Config:
    """The configuration that a finished run was made with, from what `resolved` gave."""
    table = dict(resolved)
    for name, stage in STAGES.items():
        if stage.filled and name in table:
            table[name] = {k: v for k, v in table[name].items() if k not in stage.filled}
    return _build(table, None, run)


def load_stage(model: type[Model], overrides: Sequence[str]) -> Model:
    """One stage's options from overrides with bare keys, as `sluice apply` takes them."""
    return validate(model, apply_overrides({}, overrides), "", list(model.model_fields))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}{_similar(path)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start})") from error
    except NOT_TOML as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def _similar(path: Path) -> str:
    names = (
        [str(other) for other in sorted(path.parent.glob("*.toml"))] if not path.exists() else []
    )
    hint = nearest(str(path), names)
    return f"; did you mean {hint}?" if hint else ""


def _build(table: dict[str, Any], path: Path | None, run: Path | None) -> Config:
    known = known_names()
    problems = Problems()
    checked = problems.validate
    tables = split(table, known, problems)
    general = checked(GeneralOptions, tables[""], "", known)
    engine = checked(EngineOptions, tables.get("engine", {}), "engine", known)
    github = checked(GithubInputs, tables.get("github", {}), "github", known)
    web = checked(WebInputs, tables.get("web", {}), "web", known)
    crawl = checked(CommonCrawlOptions, tables.get("commoncrawl", {}), "commoncrawl", known)
    stages = stage_options(tables, general, known, problems)
    problems.raise_all()
    if not github.inputs and not web.inputs:
        raise ConfigError("nothing to read: set `github.inputs` or `web.inputs`")
    if web.inputs:
        _refuse(WEB, stages)
    for name in engine.resources:
        expect_stage(name, stage_names(), f'`engine.resources."{name}"`')
    default = RUNS / (path.stem if path is not None else "unnamed")
    return Config(
        run=run or (Path(general.run) if general.run else default),
        seed=general.seed,
        tokenizer=general.tokenizer,
        report=general.report,
        engine=engine,
        github=github,
        web=web,
        commoncrawl=crawl,
        stages=stages,
    )


def _refuse(corpus: str, stages: Mapping[str, Options]) -> None:
    """ConfigError if a stage has a value that makes no sense on the corpus."""
    for name in stages_of(corpus):
        for key, value in STAGES[name].refused.get(corpus, {}).items():
            if getattr(stages[f"{corpus}.{name}"], key) == value:
                raise ConfigError(
                    f"`{corpus}.{name}.{key}` = {value!r}: not for the corpus {corpus}; set it in "
                    f"the table of another corpus alone (`[{GITHUB}.{name}]`)"
                )


def _present(options: Options, keys: set[str] | None = None) -> dict[str, Any]:
    """The options that have a value, as JSON values."""
    dumped = options.model_dump(mode="json", include=keys)
    return {key: value for key, value in dumped.items() if value is not None}
