"""Public members and docstrings of installed packages, the same on every reading.

Two ways. `source` parses the files with `ast` and imports nothing: no side effects, no memory
addresses, signatures as written. `import` is for compiled modules and for docstrings made at
import (NumPy's ufuncs, SciPy's distributions, pandas' shared docstrings); it imports exactly the
modules that the table lists, scrubs addresses, and is called in a fresh interpreter alone. A
module that is missing or raises is logged and left out. 10-16 s of CPU for all of the table.
"""

import ast
import importlib
import inspect
import logging
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from demo.distributions import site_folders

LOG = logging.getLogger(__name__)

MIN_DOCSTRING = 120
"""Characters: a shorter docstring makes no page of its own."""

MAX_METHODS = 40
"""Methods described on the page of a class: reference pages are long, not endless."""

_ADDRESS = re.compile(r"\s+at 0x[0-9a-fA-F]+")
_PRINTED_SET = re.compile(r"``\{('\w+'(?:, '\w+')+)\}``")
"""A set printed into a docstring at import, in an order that differs from process to process."""

_PRIVATE = re.compile(r"(^|\.)(_(?!pytest)|tests?$|tests?\.|testing\.|conftest|vendored|_vendor)")


@dataclass(frozen=True)
class Member:
    """One documented thing: its dotted name, its signature without the name, its docstring, and
    for a class its public methods, for a module its public members."""

    name: str
    kind: str
    signature: str
    docstring: str
    members: tuple["Member", ...] = ()


def from_source(modules: Iterable[str]) -> Iterator[Member]:
    """A `module` member for each module named, its public classes and functions inside."""
    for name in modules:
        for module, path in _source_files(name):
            try:
                tree = ast.parse(path.read_bytes())
            except (OSError, SyntaxError, ValueError) as error:
                LOG.warning("no pages from %s: %s", module, error)
                continue
            public = _declared_names(tree)
            members = tuple(_from_body(tree.body, module, public))
            yield Member(module, "module", "", ast.get_docstring(tree) or "", members)


def from_import(modules: Iterable[str], classes: Iterable[str] = ()) -> Iterator[Member]:
    """A `module` member for each module named; for each of `classes` one whose members are the
    class's public methods. Importing is quiet: what a module prints or warns is not ours."""
    for name in modules:
        module = _imported(name)
        if module is not None:
            names = getattr(module, "__all__", None) or dir(module)
            public = sorted({str(n) for n in names if not str(n).startswith("_")})
            doc = _docstring(module)
            yield Member(name, "module", "", doc, tuple(_described(module, name, public)))
    for name in classes:
        parent, _, leaf = name.rpartition(".")
        owner = getattr(_imported(parent), leaf, None)
        if isinstance(owner, type):
            public = sorted(n for n in dir(owner) if not n.startswith("_"))
            yield Member(name, "module", "", "", tuple(_described(owner, name, public)))


def _source_files(name: str) -> Iterator[tuple[str, Path]]:
    deep = name.endswith(".*")
    top, *rest = name.removesuffix(".*").split(".")
    spec = PathFinder.find_spec(top, [sysconfig.get_path("stdlib"), *site_folders()])
    if spec is None:
        LOG.warning("no pages from %s: not installed", name)
        return
    roots = [Path(place) for place in spec.submodule_search_locations or ()]
    if not roots:
        if spec.origin is not None and spec.origin.endswith(".py"):
            yield top, Path(spec.origin)
        return
    for root in sorted(roots):
        place = root.joinpath(*rest)
        module = ".".join((top, *rest))
        if place.with_suffix(".py").is_file() and rest:
            yield module, place.with_suffix(".py")
        elif (place / "__init__.py").is_file():
            yield module, place / "__init__.py"
        for path in sorted(place.rglob("*.py")) if deep else ():
            parts = path.relative_to(place).with_suffix("").parts
            inner = ".".join((module, *parts))
            if parts[-1] != "__init__" and not _PRIVATE.search(inner):
                yield inner, path


def _declared_names(tree: ast.Module) -> frozenset[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            try:
                return frozenset(map(str, ast.literal_eval(node.value)))
            except (ValueError, TypeError):
                return None
    return None


def _from_body(
    body: Iterable[ast.stmt], owner: str, public: frozenset[str] | None = None
) -> Iterator[Member]:
    for node in body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        listed = node.name in public if public is not None else not node.name.startswith("_")
        if not listed or docstring is None:
            continue
        name = f"{owner}.{node.name}"
        if isinstance(node, ast.ClassDef):
            methods = tuple(_from_body(node.body, name))[:MAX_METHODS]
            bases = ", ".join(ast.unparse(base) for base in node.bases)
            yield Member(name, "class", f"({bases})" if bases else "", docstring, methods)
        else:
            kind = "method" if owner[owner.rfind(".") + 1 :][:1].isupper() else "function"
            yield Member(name, kind, f"({ast.unparse(node.args)})", docstring)


def _imported(name: str) -> ModuleType | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a package's import may raise anything
        LOG.warning("no pages from %s: %s: %s", name, type(error).__name__, error)
        return None


def _described(owner: ModuleType | type, name: str, public: Iterable[str]) -> Iterator[Member]:
    for leaf in public:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                member = inspect.getattr_static(owner, leaf)
                member = getattr(owner, leaf) if not isinstance(member, property) else member
            except Exception as error:  # noqa: BLE001 - a lazy attribute may import anything
                LOG.info("no page for %s.%s: %s", name, leaf, type(error).__name__)
                continue
        docstring = _docstring(member)
        if isinstance(member, ModuleType) or not docstring:
            continue
        if not (callable(member) or isinstance(member, property)):
            continue
        kind = "class" if isinstance(member, type) else "function"
        kind = kind if isinstance(owner, ModuleType) else "method"
        yield Member(f"{name}.{leaf}", kind, _signature(member), docstring)


def _docstring(member: object) -> str:
    docstring = getattr(member, "__doc__", None)
    if not isinstance(docstring, str):
        return ""
    docstring = _PRINTED_SET.sub(
        lambda found: "``{" + ", ".join(sorted(found[1].split(", "))) + "}``", docstring
    )
    return inspect.cleandoc(_ADDRESS.sub("", docstring))


def _signature(member: object) -> str:
    try:
        text = str(inspect.signature(member))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    return "(…)" if " at 0x" in text else text
