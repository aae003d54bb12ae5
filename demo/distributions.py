"""What Sluice is installed with: itself, what it requires, what those require, and so on.

Only the interpreter's own folders are looked into, never `sys.path`: importing ray adds a folder
of vendored distributions to it, and what is found must not depend on what was imported before.
"""

import re
import sysconfig
from importlib import metadata

ROOT = "sluice"
EXTRAS = ("test",)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")


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


def installed_closure(root: str = ROOT) -> dict[str, metadata.Distribution]:
    """Every installed distribution that `root` needs, directly or not, by normalised name in
    order; `root` itself is left out, of its extras the tests' is followed, of others none.
    Markers other than extras are answered by what is installed."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [root]
    while waiting:
        name = normalised(waiting.pop())
        if name in found:
            continue
        installed = distribution(name)
        if installed is None:
            continue
        found[name] = installed
        for requirement in installed.requires or ():
            extras = _EXTRA.findall(requirement)
            matched = _NAME.match(requirement)
            if matched and (not extras or (name == root and extras[0] in EXTRAS)):
                waiting.append(matched[0])
    found.pop(root, None)
    return dict(sorted(found.items()))
