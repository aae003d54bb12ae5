"""The language that a block's markup says it is in: classes and attributes of highlighters."""

import re
from functools import lru_cache

from stages.web.markdown.source import Source

MAX_ANCESTORS = 8
"""Wrappers of a block that may say its language (`div.highlight-python`, `figure`)."""

MAX_REMEMBERED = 500
"""Characters of a class attribute whose answer is kept."""

MATHEMATICS = "math"
"""The language of a block that is called mathematics, as GitLab's and GitHub's are."""

_MATHEMATICS = re.compile(r"(?:math|katex)[-_]{1,2}(?:block|display)|(?:language|lang)-katex")
_BARE_MATHEMATICS = frozenset({"math", "katex"})
"""Classes that say so of the element itself."""
_PREFIXED = re.compile(
    r"(?:language|lang|highlight-source|highlight-text|sourceCode|hljs|brush|type|code|codeblock|"
    r"highlight|syntax|src|prettyprint lang|crayon|enlighter)[-_:=]{1,2}([\w+#.-]+)$"
)
_BRUSH = re.compile(r"(?:brush|lang(?:uage)?|syntax|highlight|title)\s*:\s*['\"]?([\w+#.-]+)")
_ATTRIBUTES = ("data-lang", "data-language", "data-enlighter-language", "data-code-language",
               "data-highlight-language", "data-syntax", "lang-name", "syntax")  # fmt: skip
_SAYING = frozenset(_ATTRIBUTES)
_BARE_AFTER_WORDS = (
    "hljs sourceCode highlight code prettyprint codehilite programlisting source src brush "
    "geshi listing shiki chroma syntaxhighlighter wp-block-code enlighter"
)
_BARE_AFTER = frozenset(_BARE_AFTER_WORDS.split())
_KNOWN_WORDS = (
    "asm bash sh shell zsh console c cpp c++ csharp c# clojure cmake coffeescript css dart "
    "diff dockerfile elixir elm erlang fortran fsharp go golang graphql groovy haskell hs "
    "html ini java javascript js json jsx julia kotlin latex tex less lisp lua makefile "
    "markdown math matlab nginx nim nix objectivec objc ocaml pascal perl php plaintext "
    "powershell prolog protobuf py python python3 pycon r rb ruby rust rs sas scala scheme "
    "scss solidity sql swift tcl toml ts tsx typescript vb vbnet verilog vhdl vim vue wasm "
    "xml yaml yml zig"
)
_KNOWN = frozenset(_KNOWN_WORDS.split())
_NONE_WORDS = (
    "none text plain plaintext txt nohighlight no-highlight auto default unknown raw output "
    "undefined null block inline copy wrap wrapper box line lines toolbar content header "
    "body notranslate container snippet example frame area title caption inner outer card "
    "cell fold number numbers table style theme dark light highlighter source text-plain "
    "editor view view-pre group tab tabs result"
)
_NONE = frozenset(_NONE_WORDS.split())


def code_language(source: Source, node: int) -> str | None:
    """The language of the block at `node`, as the page names it, in lower case."""
    nodes = [node]
    inner = node + 1
    while inner < min(source.end[node], node + 4) and not source.tag[inner]:
        inner += 1
    if inner < source.end[node] and source.name(inner) in ("code", "samp", "kbd"):
        nodes.insert(0, inner)
    above = source.parent[node]
    for _ in range(MAX_ANCESTORS):
        if above <= 0 or source.name(above) in ("body", "article", "main", "li", "section"):
            break
        nodes.append(above)
        above = source.parent[above]
    for candidate in nodes:
        attributes = source.attributes(candidate)
        said = _said(attributes)
        if said:
            return said
        classes = attributes.get("class", "").split() if candidate >= node else ()
        if not _BARE_MATHEMATICS.isdisjoint(classes):
            return MATHEMATICS
    return None


def _said(attributes: dict[str, str]) -> str | None:
    if "data-math-style" in attributes or attributes.get("lang") == MATHEMATICS:
        return MATHEMATICS
    if not _SAYING.isdisjoint(attributes):
        for name in _ATTRIBUTES:
            value = attributes.get(name, "").strip().lower()
            if value and _is_language(value):
                return value
    classes = attributes.get("class", "")
    if not classes:
        return None
    return _said_once(classes) if len(classes) < MAX_REMEMBERED else _said_by_classes(classes)


def _said_by_classes(classes: str) -> str | None:
    brush = _BRUSH.search(classes)
    if brush and _is_language(brush[1].lower()):
        return brush[1].lower()
    tokens = classes.split()
    if any(_MATHEMATICS.fullmatch(token) for token in tokens):
        return MATHEMATICS
    for token in tokens:
        prefixed = _PREFIXED.match(token)
        if prefixed:
            name = prefixed[1].lower()
            strict = not token.startswith(("language", "lang", "highlight-source"))
            if _is_language(name) and (not strict or name in _KNOWN):
                return name
    if not _BARE_AFTER.isdisjoint(tokens):
        for token in tokens:
            if token.lower() in _KNOWN and token.lower() not in _NONE:
                return token.lower()
    return None


_said_once = lru_cache(maxsize=1024)(_said_by_classes)
"""A page's blocks have the same few classes."""


def _is_language(name: str) -> bool:
    return name not in _NONE and len(name) <= 24 and not name.isdecimal() and " " not in name
