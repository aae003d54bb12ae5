"""What a command shows that takes long and is no run."""

import io

from rich.console import Console

from pipeline.cli.progress.telling import shown
from stages.contract.telling import tell


def test_lines_come_now_and_then() -> None:
    """One each ten seconds, none of a short command."""
    now, stream = [0.0], io.StringIO()
    with shown(Console(file=stream), lambda: now[0]):
        for now[0] in (1.0, 9.0, 10.0, 15.0, 20.0):
            tell(f"at {now[0]:.0f}")
    assert stream.getvalue() == "at 10\nat 20\n"


def test_a_terminal_shows_the_last() -> None:
    """In one line, which is gone in the end."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=80)
    with shown(console):
        tell("epoch 1 of 5")
        tell("epoch 2 of 5")
        assert console._live_stack
        console._live_stack[-1].refresh()
    assert "epoch 2 of 5" in stream.getvalue()
    assert not console._live_stack
