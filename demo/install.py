"""`python demo/install.py VENV PIP-ARGUMENTS…`: pip install, saying all the while how far it is.

pip is silent for the minute in which it unpacks what it has fetched. What it prints names the
package being fetched; how many have been unpacked is told by the `*.dist-info` folders there. On a
terminal one line is written over, elsewhere a line comes every few seconds. Standard library alone:
nothing is installed yet. Nothing is compiled ahead: that doubles the time, and most modules are
never imported; those that are, Python compiles then.
"""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

LINE_SECONDS = 5.0
TAIL = 40
"""Lines of pip's that are shown if it fails."""

_NAMED = re.compile(
    r"\s*(?:Collecting|Processing|Downloading|Using cached) (?:\S*/)?"
    r"(?P<name>[\w.-]+?)(?:-\d|[=<>~!\s(\[]|$)"
)
_SIZE = re.compile(r"\([\d.]+ [kMG]?B\)")


Packages = set[tuple[str, str]]
"""Names, as PyPI compares them, and versions."""


def pinned(lock: Path) -> Packages:
    """The packages of a lock, and of the locks that it includes."""
    packages: Packages = set()
    for line in lock.read_text("utf-8").splitlines():
        if line.startswith("-r "):
            packages |= pinned(lock.parent / line[3:].strip())
        elif match := re.match(r"([\w.-]+)==(\S+)", line):
            packages.add((_normalised(match[1]), match[2]))
    return packages


def unpacked(venv: Path) -> Packages:
    """The packages that are installed."""
    folders = venv.glob("lib/python*/site-packages/*.dist-info")
    names = (folder.name.removesuffix(".dist-info").partition("-") for folder in folders)
    return {(_normalised(name), version) for name, _, version in names}


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class Installation:
    """One call of pip."""

    def __init__(self, venv: Path, arguments: Sequence[str]) -> None:
        self._venv = venv
        self._arguments = arguments
        locks = [Path(arguments[at + 1]) for at, one in enumerate(arguments) if one == "-r"]
        self._before = unpacked(venv)
        self._wanted = len(Packages().union(*map(pinned, locks)) - self._before)
        self._lines: list[str] = []
        self._fetched: dict[str, str] = {}
        self._unpacking = False
        self._started = time.monotonic()

    def run(self) -> int:
        """Install; pip's exit status."""
        command = [
            *(str(self._venv / "bin" / "python"), "-m", "pip", "install", "--no-compile"),
            *("--disable-pip-version-check", "--progress-bar", "off", *self._arguments),
        ]
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        reader = threading.Thread(target=self._read, args=(child,))
        reader.start()
        overwrite = sys.stderr.isatty()
        while reader.is_alive():
            reader.join(0.5 if overwrite else LINE_SECONDS)
            if reader.is_alive():
                _say(f"\r\033[K{self.state()}" if overwrite else f"{self.state()}\n")
        status = child.wait()
        if overwrite:
            _say("\r\033[K")
        if status:
            _say("".join(self._lines[-TAIL:]))
        else:
            seconds = time.monotonic() - self._started
            _say(f"set-up: {self._new()} packages installed in {seconds:.0f} s\n")
        return status

    def state(self) -> str:
        """How far it is, in one line."""
        of_all = f" of {self._wanted}" if self._wanted else ""
        if self._unpacking:
            what = f"unpacked {self._new()}{of_all} packages"
        elif self._fetched and len(self._fetched) == self._wanted:
            what = f"fetched all {self._wanted} packages"
        elif self._fetched:
            name, size = list(self._fetched.items())[-1]
            what = f"fetching package {len(self._fetched)}{of_all}: {name} {size}".rstrip()
        else:
            what = "pip begins"
        return f"set-up: {what} · {time.monotonic() - self._started:.0f} s"

    def heard(self, line: str) -> None:
        """Take a line of pip's into account."""
        self._lines.append(line)
        if match := _NAMED.match(line):
            name = _normalised(match["name"])
            size = _SIZE.search(line)
            self._fetched[name] = size[0] if size else self._fetched.get(name, "")
        elif line.startswith("Installing collected packages"):
            self._unpacking = True

    def _read(self, child: "subprocess.Popen[str]") -> None:
        assert child.stdout is not None
        for line in child.stdout:
            self.heard(line)

    def _new(self) -> int:
        return len(unpacked(self._venv) - self._before)


def _say(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(Installation(Path(sys.argv[1]), sys.argv[2:]).run())
