"""How far long work is, as it tells whoever asked for it."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is, and how much there is."""


def silent(what: str, done: int, total: int) -> None:
    """A `Progress` for who does not want to know."""
