"""Configuration: TOML, overrides from the command line, and every value checked before work
begins. `load` is all that the rest of Sluice needs."""

from pipeline.configuration.load import Config, from_resolved, load, load_stage
from pipeline.configuration.settings import (
    CommonCrawlOptions,
    EngineOptions,
    GithubInputs,
    WebInputs,
)

__all__ = [
    "CommonCrawlOptions",
    "Config",
    "EngineOptions",
    "GithubInputs",
    "WebInputs",
    "from_resolved",
    "load",
    "load_stage",
]
