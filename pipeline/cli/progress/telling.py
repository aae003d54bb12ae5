"""What a command that is no run shows while it takes long: how far it is, in its own words."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from pipeline.cli.progress.monitor import LINE_SECONDS
from stages.contract.telling import heard_by


@contextmanager
def shown(console: Console, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """While open, what is told stands on the terminal; elsewhere a line every ten seconds."""
    if console.is_terminal:
        with console.status("") as status, heard_by(status.update):
            yield
        return
    said = clock()

    def say(what: str) -> None:
        nonlocal said
        if clock() - said >= LINE_SECONDS:
            console.print(what, soft_wrap=True)
            said = clock()

    with heard_by(say):
        yield
