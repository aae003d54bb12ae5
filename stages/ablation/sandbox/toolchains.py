"""Where a language's compiler and interpreter are, and how a sandbox sees them.

What lies under the system's own folders is seen at its own path. A tool elsewhere (a Python of
pyenv or conda, a compiler that npm installed) is mounted under /toolchain, so that the folder it
lies in, often a home folder, stays out of sight.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from stages.ablation.evaluation.languages import Language

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
MOUNT_POINT = Path("/toolchain")


@dataclass(frozen=True)
class Toolchain:
    """A language ready to run: commands with real paths, and what to mount for them."""

    language: Language
    compile: tuple[str, ...]
    run: tuple[str, ...]
    mounts: tuple[tuple[Path, Path], ...]
    """(folder here, folder in the sandbox)"""
    environment: dict[str, str]


@dataclass(frozen=True)
class Missing:
    """A language that cannot be run here, and why."""

    language: Language
    reason: str


def find(language: Language) -> Toolchain | Missing:
    """The toolchain of a language, or what it lacks."""
    tools = {tool: _which(tool) for tool in language.tools}
    lacking = [tool for tool, path in tools.items() if path is None]
    lacking += [file for file in language.files if not Path(file).exists()]
    if lacking:
        reason = f"{language.name}: {', '.join(lacking)} not found (Debian: {language.debian})"
        return Missing(language, reason)
    mounts = [(Path(found), Path(found)) for name in language.mounts for found in glob(name)]
    commands, libraries, folders = {}, [], ["/usr/bin", "/bin"]
    for tool, path in tools.items():
        assert path is not None
        root = _root(path)
        if root is None:
            commands[tool] = str(path)
            continue
        seen = MOUNT_POINT / tool / root.name
        mounts.append((root, seen))
        commands[tool] = str(seen / path.relative_to(root))
        folders.insert(0, str(Path(commands[tool]).parent))
        if (root / "lib").is_dir():
            libraries.append(str(seen / "lib"))
    environment = {**language.environment, "PATH": ":".join(folders)}
    if libraries:  # a Python built with a shared library looks for it where it was installed
        environment["LD_LIBRARY_PATH"] = ":".join(libraries)
    return Toolchain(
        language,
        tuple(_filled(language.compile, commands)),
        tuple(_filled(language.run, commands)),
        tuple(mounts),
        environment,
    )


def _which(tool: str) -> Path | None:
    """The tool's file, links into the system's folders and out of them resolved; `python` is the
    interpreter that runs this."""
    found = sys.executable if tool == "python" else shutil.which(tool)
    if found is None:
        return None
    resolved = Path(os.path.realpath(found))
    # A link within the system stays: some tools look at the name by which they were called.
    return Path(found) if _is_system(Path(found)) and _is_system(resolved) else resolved


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in SYSTEM)


def _root(path: Path) -> Path | None:
    """The folder that holds a tool with all it needs; None for the system's own."""
    if _is_system(path):
        return None
    modules = [parent for parent in path.parents if parent.name == "node_modules"]
    if modules:
        return modules[-1]
    root = path.parent.parent if path.parent.name == "bin" else path.parent
    return path.parent if Path.home().is_relative_to(root) else root


def _filled(command: tuple[str, ...], tools: dict[str, str]) -> Iterator[str]:
    for word in command:
        name = word.removeprefix("{").removesuffix("}")
        yield tools[name] if word == f"{{{name}}}" else word
