"""Distributions by name, as they are installed here.

Only the interpreter's own folders are looked into, never `sys.path`: importing ray adds a folder
of vendored distributions to it, and what is found must not depend on what was imported before.
"""

import re
import sysconfig
from collections.abc import Iterable
from importlib import metadata


def site_folders() -> list[str]:
    """Where distributions are installed."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def distribution(name: str) -> metadata.Distribution | None:
    """The installed distribution of this name, or None."""
    context = metadata.DistributionFinder.Context(name=name, path=site_folders())
    return next(iter(metadata.MetadataPathFinder.find_distributions(context)), None)


def normalised(name: str) -> str:
    """The name of a distribution as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(names: Iterable[str]) -> dict[str, metadata.Distribution]:
    """Those of `names` that are installed, by normalised name in order."""
    found = {name: distribution(name) for name in sorted(map(normalised, names))}
    return {name: one for name, one in found.items() if one is not None}
