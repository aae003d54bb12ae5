"""The sites that `seeds/TARGET.toml` lists for a target, and those that a configuration names."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from stages.recall.sites.url_patterns import canonical

SitesOfTargets = tuple[tuple[str, tuple[str, ...]], ...]
"""Each target's directories or hosts, as in annotations: `stackoverflow.com/questions/`."""


def known_sites(target: str) -> tuple[str, ...]:
    """The registrable domains that `seeds/TARGET.toml` lists; none without such a file."""
    return tuple(site["domain"] for site in _listed(target))


def seed_sites(targets: Mapping[str, Sequence[str] | None]) -> SitesOfTargets:
    """The sites of each target: those given, or (None) those `seeds/TARGET.toml` has as seeds."""
    chosen = {
        target: [one for site in _listed(target) for one in site.get("seeds", ())]
        if given is None
        else given
        for target, given in targets.items()
    }
    return tuple((name, tuple(map(canonical, sites))) for name, sites in chosen.items() if sites)


def _listed(target: str) -> list[dict[str, Any]]:
    listing = files("seeds").joinpath(f"{target}.toml")
    if not listing.is_file():
        return []
    # A target may be called as another table there (`licenses`), which lists no sites.
    listed = tomllib.loads(listing.read_text("utf-8")).get("site", ())
    return [site for site in listed if "domain" in site]
