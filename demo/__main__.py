"""`python -m demo OUT`: build the crawl of `configs/demo.toml`, and say how far it is."""

import logging
import sys
import time
from pathlib import Path

from demo.build import build
from stages.errors import SluiceError

LINE_SECONDS = 5.0


class Lines:
    """A line when something is complete, and every few seconds until then; on a terminal one line
    that is written over."""

    def __init__(self) -> None:
        self._started = self._said = time.monotonic()
        self._over = sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        complete = done == total
        if not complete and now - self._said < (0.1 if self._over else LINE_SECONDS):
            return
        self._said = now
        line = f"demo crawl: {what}: {done:,} of {total:,} · {now - self._started:.0f} s"
        end = "" if self._over and not complete else "\n"
        print(f"\r\033[K{line}" if self._over else line, end=end, file=sys.stderr, flush=True)


def main() -> int:
    """Build it; the exit status."""
    if len(sys.argv) != 2:
        print("usage: python -m demo OUT", file=sys.stderr)
        return 2
    logging.basicConfig(format="demo crawl: %(message)s")
    try:
        build(Path(sys.argv[1]), Lines())
    except SluiceError as error:
        print(f"demo crawl: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
