"""Which interpreter the first line of a script asks for.

`env` is looked through, with its options and assignments, and so is any program that only starts
another: package managers, environments, `nix-shell` (whose own lines follow), `sudo` and their like
(`seeds/shebang_runners.toml`). A shell that does nothing but execute the file with another
interpreter stands for that one.
"""

import re
import shlex
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from stages.language.names import name_tables

TABLE = "shebang_runners.toml"
HEAD_BYTES = 1024
"""Where `nix-shell`'s lines and a shell's call of another interpreter are looked for."""
MAX_RUNNERS = 8
MAX_WORDS = 100

NIX = frozenset(["nix", "nix-shell", "cached-nix-shell"])
SHELLS = frozenset(["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"])

_LINE = re.compile(rb"#![ \t]*([^\r\n]+)")
_NIX_LINE = re.compile(rb"^[^\r\n\w]{0,4}#![ \t]*nix(?:-shell)?[ \t]+([^\r\n]+)", re.M)
_EXECUTION = re.compile(
    rb"""^[^\n#\w]{0,12}(?:eval[ \t]+["'])?exec["']?[ \t]+"""
    rb"""([^\n]{0,200}?(?:\\\n[^\n]{0,200}?)?)[ \t"']+\$\{?(?:0|BASH_SOURCE(?:\[0\])?)\}?["'\s]""",
    re.M,
)
_VERSION = re.compile(r"[-_]?[\d.]+$")
_ASSIGNMENT = re.compile(r"\w+=")
_SPLIT_OPTION = re.compile(r"(?:-[a-zA-Z]*S|--split-string=?)(.*)")
_DRIVE = re.compile(r"""["']?[A-Za-z]:\\""")
_WINDOWS = re.compile(r"(?i:(?:.*\\)?([^\\]+)\.exe)")
_TAIL = re.compile(r"(?<=.)[@:][^/]*$")
"""A version or tag behind a name: `ts-node@10`, `python:3.12`."""


@dataclass(frozen=True)
class Runner:
    """A row of the table."""

    words: Collection[str] = ("run", "exec")
    values: Collection[str] = ()
    command: Collection[str] = ()
    operands: int = 0
    default: str | None = None


@cache
def runners() -> Mapping[str, Runner]:
    """Program → what it starts others with, read once per process."""
    table = tomllib.loads((files("seeds") / TABLE).read_text("utf-8"))
    return {
        name: Runner(
            frozenset(row.get("words", ())),
            frozenset(row.get("values", ())),
            frozenset(row.get("command", ())),
            row.get("operands", 0),
            row.get("default"),
        )
        for row in table["runner"]
        for name in row["names"]
    }


def interpreter(head: bytes) -> Sequence[str]:
    """Names of the interpreter a script asks for, the most exact first (`python3.11`, `python`);
    none if it asks for none."""
    found = _LINE.match(head)
    if found is None:
        return ()
    words = _words(found[1])
    if any(_base(word) in NIX for word in words[:3]):
        for line in _NIX_LINE.finditer(head, found.end(), HEAD_BYTES):
            words += _words(line[1])
    name = _interpreter_of(words)
    if name in SHELLS:
        execution = _EXECUTION.search(head, 0, HEAD_BYTES)
        executed = None if execution is None else _interpreter_of(_words(execution[1]))
        name = executed if executed is not None and _is_known(executed) else name
    return () if name is None else (name, _versionless(name))


def _interpreter_of(words: list[str]) -> str | None:
    """The program that is started in the end."""
    name: str | None = None
    default: str | None = None
    for _ in range(MAX_RUNNERS):
        if not words:
            break
        name, words = _base(words[0]), words[1:]
        runner = runners().get(name) or runners().get(_versionless(name))
        if runner is None and not _is_known(name) and {"run", "exec", "--"} & set(words):
            runner = Runner()
        if runner is None:
            break
        default = runner.default or default
        words = _behind(runner, words)
    if name is not None and _is_known(name) and name not in runners():
        return name
    started = next((_base(word) for word in words if _is_known(_base(word))), None)
    if default is not None:
        return started or default
    return name


def _behind(runner: Runner, words: list[str]) -> list[str]:
    """The command and what follows it."""
    for place, word in enumerate(words):
        if word in runner.command:
            return [part for one in words[place + 1 : place + 2] for part in _split(one)]
    operands, rest = runner.operands, list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return rest
        split = _SPLIT_OPTION.fullmatch(word)
        if split is not None and not runner.default:
            rest = [*_split(split[1]), *rest]
        elif word.startswith(("-", "+")):
            del rest[: word in runner.values]
        elif not (_ASSIGNMENT.match(word) or word in runner.words):
            if operands == 0:
                return [word, *rest]
            operands -= 1
    return []


def _is_known(name: str) -> bool:
    known = name_tables().by_interpreter
    return name in known or _versionless(name) in known


def _versionless(name: str) -> str:
    return _VERSION.sub("", name) or name


def _base(word: str) -> str:
    """The program's name without its folder, package set, environment, version or tag."""
    program = _WINDOWS.sub(r"\1", word.rpartition("/")[2])
    return _TAIL.sub("", program.rpartition("#")[2])


def _words(line: bytes) -> list[str]:
    return _split(line.decode("utf-8", "replace"))[:MAX_WORDS]


def _split(line: str) -> list[str]:
    """As a shell would, where the quotes are closed; `\\` stands in paths of Windows alone."""
    try:
        return shlex.split(line.replace("\\", "\\\\") if _DRIVE.match(line) else line)
    except ValueError:
        return [word.strip("\"'") for word in line.split()]
