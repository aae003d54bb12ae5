"""Many requests at once, by threads: answers in order, and an end when one of them fails."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def workers(count: int, stop: Callable[[str], None]) -> Iterator[ThreadPoolExecutor]:
    """Threads that ask for nothing more once something went wrong, or somebody interrupted: then
    `stop` is told why."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except BaseException:
        stop("another request has failed")
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def in_turn(
    pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T], ahead: int
) -> Iterator[R]:
    """The answers in order, so many being worked on at once."""
    waiting: deque[Future[R]] = deque()
    following = iter(items)
    while True:
        while len(waiting) < ahead and (item := next(following, None)) is not None:
            waiting.append(pool.submit(work, item))
        if not waiting:
            return
        yield waiting.popleft().result()
