"""What a source file says that it needs of its own repository.

DeepSeek-Coder (arXiv 2401.14196, section 2.2) reads imports with regular expressions: `import` of
Python, `using` of C#, `include` of C. Here those of eleven languages, each turned into paths that
could be meant; `dependency` looks them up. A comment or a string that looks like an import is taken
for one: it costs a place in an order, nothing else.

Every expression is linear in the text (possessive or bounded repetition).
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from posixpath import dirname, join, normpath, splitext
from typing import NamedTuple

MAX_TEXT = 1 << 18
"""Characters of a file that are looked at."""
MAX_REFERENCES = 1000
"""References of a file that are kept."""
MAX_NAME_PARTS = 16
"""Parts of a name that are looked at: of a namespace the last, of a module the first."""


class Reference(NamedTuple):
    """One import: paths that it may mean, the first that exists being meant.

    `paths` begin at the repository's root; `tails` are ends of paths, nearest to the importing file
    first; `folders` are ends of folders, all of whose files of the language are meant; `namespaces`
    are what files declare.
    """

    paths: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


class Imports(NamedTuple):
    """What a file needs, and the namespaces that it declares."""

    references: tuple[Reference, ...] = ()
    declares: tuple[str, ...] = ()


NO_IMPORTS = Imports()


def imports_of(path: str, text: str) -> Imports:
    """The imports of a file, by the language of its name; none for other languages."""
    reader = _READERS.get(splitext(path)[1].lower())
    if reader is None:
        return NO_IMPORTS
    text = text[:MAX_TEXT]
    declares = tuple(dict.fromkeys(_NAMESPACE.findall(text))) if reader is _csharp else ()
    return Imports(tuple(dict.fromkeys(islice(reader(path, text), MAX_REFERENCES))), declares)


_FROM = re.compile(
    r"^[ \t]*+from[ \t]++(\.*+)([\w.]*+)[ \t]++import[ \t]*+"
    r"(?:\(([^)]{0,4000})\)|([^\n#;]{1,2000}))",
    re.M,
)
_COMMENT = re.compile(r"#[^\n]*+")
_IMPORT = re.compile(r"^[ \t]*+import[ \t]++([^\n#;]{1,2000})", re.M)
_JVM = re.compile(r"^[ \t]*+import[ \t]++(?:static[ \t]++)?+([\w.]++(?:\*)?+)", re.M)
_INCLUDE = re.compile(
    r"""^[ \t]*+#[ \t]*+(?:include|import)[ \t]*+[<"]([^>"\n]{1,500})[>"]""", re.M
)
_JAVASCRIPT = re.compile(
    r"""\b(?:from|import|require)\s*+(?:\(\s*+)?+(?:'(\.[^'\n]{0,500})'|"(\.[^"\n]{0,500})")"""
)
_GO = re.compile(r'^[ \t]*+import[ \t]++(?:[\w.]++[ \t]++)?+"([^"\n]{1,500})"', re.M)
_GO_BLOCK = re.compile(r"^[ \t]*+import[ \t]*+\(([^)]{0,20000})\)", re.M)
_QUOTED = re.compile(r'"([^"\n]{1,500})"')
_PHP_USE = re.compile(
    r"^[ \t]*+use[ \t]++(?:(?:function|const)[ \t]++)?+\\?+([\w\\]++)(?:\{([^}]{0,4000})\})?+", re.M
)
_PHP_INCLUDE = re.compile(
    r"""\b(?:require|include)(?:_once)?+\s*+(?:\(\s*+)?+(?:__DIR__\s*+\.\s*+)?+"""
    r"""['"]([^'"\n]{1,300})['"]"""
)
_PHP_ROOTS = ("src", "app", "lib")
"""Folders that the first part of a name usually stands for (PSR-4)."""
_RUBY = re.compile(
    r"""^[ \t]*+(require|require_relative|load)[ \t(]*+['"]([^'"\n]{1,300})['"]""", re.M
)
_RUST_MOD = re.compile(
    r"^[ \t]*+(?:pub(?:\([^)\n]{0,100}\))?+[ \t]++)?+mod[ \t]++(\w++)[ \t]*+;", re.M
)
_RUST_USE = re.compile(
    r"^[ \t]*+(?:pub(?:\([^)\n]{0,100}\))?+[ \t]++)?+use[ \t]++(crate|self|super)::([\w:]*+)"
    r"(?:\{([^;]{0,4000}))?+",
    re.M,
)
_RUST_NAME = re.compile(r"[\w:]++")
_USING = re.compile(
    r"^[ \t]*+(?:global[ \t]++)?+using[ \t]++(?:static[ \t]++)?+(?:\w++[ \t]*+=[ \t]*+)?+"
    r"([\w.]++)[ \t]*+;",
    re.M,
)
_NAMESPACE = re.compile(r"^[ \t]*+namespace[ \t]++([\w.]++)", re.M)

_JVM_SUFFIXES = (".java", ".kt", ".scala", ".groovy")
_SCRIPT_SUFFIXES = (".ts", ".tsx", ".d.ts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte")
_GO_STANDARD = frozenset(
    (
        "archive",
        "compress",
        "container",
        "crypto",
        "database",
        "debug",
        "encoding",
        "go",
        "hash",
        "html",
        "image",
        "index",
        "internal",
        "io",
        "log",
        "math",
        "mime",
        "net",
        "os",
        "path",
        "regexp",
        "runtime",
        "sync",
        "testing",
        "text",
        "time",
        "unicode",
    )
)
"""First parts of Go's own packages that have a second one."""


def _python(path: str, text: str) -> Iterator[Reference]:
    for dots, module, bracketed, plain in _FROM.findall(text):
        base = module.replace(".", "/")
        listed = _COMMENT.sub("", bracketed) or plain
        names = [name.split()[0] for name in listed.split(",") if name.split()]
        inner = [f"{base}/{name}" if base else name for name in names if name.isidentifier()]
        if dots:
            folder = dirname(path)
            for _ in dots[1:]:
                folder = dirname(folder)
            for candidate in inner or [base]:
                yield Reference(paths=_modules(join(folder, candidate), join(folder, base)))
        else:
            for candidate in inner or [base]:
                yield Reference(tails=_modules(candidate, base))
    for line in _IMPORT.findall(text):
        for name in line.split(","):
            if name.split():
                yield Reference(tails=_modules(name.split()[0].replace(".", "/")))


def _modules(*bases: str) -> tuple[str, ...]:
    return tuple(
        f"{base}{end}"
        for base in (base.rstrip("/") for base in bases)
        if base
        for end in (".py", "/__init__.py", ".pyi", ".pyx")
    )


def _jvm(path: str, text: str) -> Iterator[Reference]:
    own = splitext(path)[1]
    suffixes = (own, *(suffix for suffix in _JVM_SUFFIXES if suffix != own))
    for name in _JVM.findall(text):
        if name.endswith(".*"):
            whole = name[:-2].replace(".", "/")
            yield Reference(tails=tuple(whole + suffix for suffix in suffixes), folders=(whole,))
            continue
        whole = name.replace(".", "/")
        bases = (whole, dirname(whole)) if whole.count("/") > 1 else (whole,)
        yield Reference(tails=tuple(base + suffix for base in bases for suffix in suffixes))


def _include(path: str, text: str) -> Iterator[Reference]:
    for name in _INCLUDE.findall(text):
        yield Reference(paths=(_beside(path, name),), tails=(normpath(name),))


def _script(path: str, text: str) -> Iterator[Reference]:
    for single, double in _JAVASCRIPT.findall(text):
        base = _beside(path, single or double)
        stem, suffix = splitext(base)
        written: tuple[str, ...] = (base,) if suffix else ()
        if suffix in (".js", ".jsx", ".mjs", ".cjs"):
            written = (base, f"{stem}.ts", f"{stem}.tsx", f"{stem}.m{suffix[-2]}s")
        yield Reference(
            paths=(
                *written,
                *(base + end for end in _SCRIPT_SUFFIXES),
                *(f"{base}/index{end}" for end in _SCRIPT_SUFFIXES),
            )
        )


def _go(path: str, text: str) -> Iterator[Reference]:
    names = _GO.findall(text)
    names += (name for block in _GO_BLOCK.findall(text) for name in _QUOTED.findall(block))
    for name in names:
        parts = name.split("/")
        if len(parts) > 1 and parts[0] not in _GO_STANDARD:
            tails = tuple("/".join(parts[first:]) for first in range(1, len(parts)))
            yield Reference(folders=tails)


def _php(path: str, text: str) -> Iterator[Reference]:
    for prefix, group in _PHP_USE.findall(text):
        for member in group.split(",") if group else [""]:
            parts = [part for part in (prefix + member.strip()).split("\\") if part]
            parts = parts[-MAX_NAME_PARTS:]
            last = max(1, len(parts) - 1)
            tails = ["/".join(parts[i:]) + ".php" for i in range(last)]
            if len(parts) > 1:
                tails += ["/".join([root, *parts[1:]]) + ".php" for root in _PHP_ROOTS]
            yield Reference(tails=tuple(tails))
    for name in _PHP_INCLUDE.findall(text):
        inside = name.lstrip("/")
        yield Reference(paths=(_beside(path, inside),), tails=(normpath(inside),))


def _ruby(path: str, text: str) -> Iterator[Reference]:
    for verb, name in _RUBY.findall(text):
        file = name if name.endswith(".rb") else f"{name}.rb"
        if verb == "require_relative" or name.startswith("."):
            yield Reference(paths=(_beside(path, file),))
        else:
            yield Reference(
                paths=(normpath(f"lib/{file}"),), tails=(normpath(file),) if "/" in file else ()
            )


def _rust(path: str, text: str) -> Iterator[Reference]:
    folder, file = dirname(path), path.rpartition("/")[2]
    own = folder if file in ("mod.rs", "lib.rs", "main.rs") else splitext(path)[0]
    for name in _RUST_MOD.findall(text):
        yield Reference(paths=(join(own, f"{name}.rs"), join(own, name, "mod.rs")))
    parts = path.split("/")
    root = "/".join(parts[: len(parts) - parts[::-1].index("src")]) if "src" in parts else ""
    for start, prefix, group in _RUST_USE.findall(text):
        for member in group.split(",") if group else [""]:
            base = {"crate": root, "self": own, "super": dirname(own)}[start]
            rest = prefix + "".join(_RUST_NAME.findall(member)[:1])
            names = [name for name in rest.split("::") if name][:MAX_NAME_PARTS]
            while names and names[0] == "super":
                base, names = dirname(base), names[1:]
            yield Reference(
                paths=tuple(
                    join(base, *names[:length]) + end
                    for length in range(len(names), 0, -1)
                    for end in (".rs", "/mod.rs")
                )
            )


def _csharp(path: str, text: str) -> Iterator[Reference]:
    for name in _USING.findall(text):
        yield Reference(namespaces=(name, name.rpartition(".")[0]))


def _beside(path: str, name: str) -> str:
    return normpath(join(dirname(path), name))


_READERS: dict[str, Callable[[str, str], Iterator[Reference]]] = {
    **dict.fromkeys((".py", ".pyi", ".pyx"), _python),
    **dict.fromkeys(_JVM_SUFFIXES, _jvm),
    **dict.fromkeys(
        (".c", ".h", ".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".inl", ".cu", ".cuh"),
        _include,
    ),
    **dict.fromkeys(
        (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts", ".vue", ".svelte"), _script
    ),
    ".go": _go,
    ".php": _php,
    ".rb": _ruby,
    ".rs": _rust,
    ".cs": _csharp,
}
