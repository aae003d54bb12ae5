"""What Sluice is installed with: itself, what it requires, what those require, and so on."""

import re
from importlib import metadata

ROOT = "sluice"
EXTRAS = ("test",)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)['\"]")


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
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for requirement in found[name].requires or ():
            extras = _EXTRA.findall(requirement)
            matched = _NAME.match(requirement)
            if matched and (not extras or (name == root and extras[0] in EXTRAS)):
                waiting.append(matched[0])
    found.pop(root, None)
    return dict(sorted(found.items()))
