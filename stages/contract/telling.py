"""How far a long task is, in words, for who waits.

What takes long says so with `tell`, wherever it runs, and knows nothing of who listens: a worker
writes it where the driver reads it, a command shows it on its terminal, and otherwise it is lost.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(what: str) -> None:
    """Say how far it is; to be called often, the listener chooses."""
    listener = _listener.get()
    if listener is not None:
        listener(what)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """While open, what is told goes to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def as_part(of: str) -> Iterator[None]:
    """While open, what is told is of this part of something."""
    listener = _listener.get()
    if listener is None:
        yield
        return
    with heard_by(lambda what: listener(f"{of}, {what}")):
        yield
