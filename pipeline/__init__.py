"""How a run happens: configuration, engine, storage, receipts, statistics, inspection."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.notebook import Run

__all__ = ["Run"]


def __getattr__(name: str) -> Any:
    """`from pipeline import Run`, imported when asked for: commands and workers need no DuckDB."""
    if name != "Run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.notebook import Run as found  # noqa: N813, PLC0415

    return found
