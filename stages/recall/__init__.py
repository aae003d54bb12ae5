"""Recalling the pages of each target from a crawl, and the good files from GitHub."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stages.recall.classifier.texts import Classifier

__all__ = ["Classifier"]


def __getattr__(name: str) -> Any:
    """`Classifier`, imported when it is asked for: whoever reads options needs no Numba."""
    if name != "Classifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stages.recall.classifier.texts import Classifier  # noqa: PLC0415

    return Classifier
