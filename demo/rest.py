"""reStructuredText to HTML as documentation sites publish it.

docutils renders; its translator is bent towards Sphinx: code in
`<div class="highlight-python notranslate"><div class="highlight"><pre>`, formulas for MathJax in
`math notranslate nohighlight`, and Sphinx's roles and directives are known. What docutils cannot
parse, or would leave half of out, stays readable in a `<pre>`.

Nothing is included from files and no raw HTML passes (`file_insertion_enabled`, `raw_enabled`).
About 13 ms for a docstring of numpy.linalg, nearly all of it docutils.
"""

import copy
import html
import re
from functools import cache
from typing import Any

from docutils import io, nodes
from docutils.core import Publisher
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Directive, Parser, directives, roles
from docutils.readers.standalone import Reader
from docutils.utils import SystemMessage
from docutils.writers.html5_polyglot import HTMLTranslator, Writer

from demo.blocks import code_html, preformatted

MAX_MARKUP = 200_000
"""Characters: a longer text goes into a `<pre>`, docutils would take seconds."""

MIN_SHOWN = 0.5
"""Share of the source's characters: less means that docutils left out what it did not know."""

SETTINGS = {
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "doctitle_xform": False,
    "sectsubtitle_xform": False,
    "docinfo_xform": False,
    "syntax_highlight": "none",
    "embed_stylesheet": False,
    "stylesheet_path": None,
    "stylesheet": None,
    "initial_header_level": 2,
    "smart_quotes": False,
}

_ROLES = frozenset(
    re.findall(
        r"\w+",
        """func class meth mod obj ref doc attr exc data const any term file command option
        envvar program keyword kbd samp guilabel issue user gh type ticket abbr download
        numref eq cite menuselection token manpage dfn pull commit release bpo source
        github confval fixture globalvar hook""",
    )
)
_DOMAINS = ("py", "c", "cpp", "std", "external")
_VERSIONED = {
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "versionremoved": "Removed in version",
    "seealso": "See also",
    "legacy": "Legacy",
}
_LITERAL = ("plot", "ipython", "testcode", "testoutput", "testsetup", "doctest", "try_examples")
_DROPPED = frozenset(
    re.findall(
        r"\w+",
        """autosummary currentmodule module toctree index automodule autoclass autofunction
        automethod tabularcolumns highlight literalinclude autodata""",
    )
)
_TAG = re.compile(r"<[^<>]*>")
_UNWRAPPED = ("only", "dropdown", "tab-set", "tab-item", "hint", "rst-class", "details")


def rest_html(text: str) -> str:
    """The HTML body of a reStructuredText document, or a `<pre>` of what cannot be parsed."""
    if len(text) > MAX_MARKUP:
        return preformatted(text)
    settings = copy.copy(_prepared_settings())
    writer = Writer()
    writer.translator_class = _SphinxTranslator
    publisher = Publisher(
        reader=Reader(),
        parser=Parser(),
        writer=writer,
        settings=settings,
        source_class=io.StringInput,
        destination_class=io.StringOutput,
    )
    publisher.set_source(text, "docstring")
    publisher.set_destination(None, None)
    try:
        publisher.publish()
    except (SystemMessage, SystemExit, LookupError, ValueError, TypeError, AttributeError):
        return preformatted(text)
    body: str = writer.parts["body"]
    shown = len(_TAG.sub("", body))
    return body if shown >= MIN_SHOWN * len(text) else preformatted(text)


@cache
def _prepared_settings() -> Any:
    """Settings that read no configuration file; registers the roles and directives of Sphinx,
    once, as docutils keeps them for the whole process."""
    for role in _ROLES:
        for name in (role, *(f"{domain}:{role}" for domain in _DOMAINS)):
            roles.register_local_role(name, _cross_reference)
    for names, directive in (
        (_VERSIONED, _Versioned),
        (_LITERAL, _Literal),
        (_DROPPED, _Dropped),
        (_UNWRAPPED, _Unwrapped),
    ):
        for name in names:
            directives.register_directive(name, directive)
    settings = get_default_settings(Parser, Writer, Reader)
    for name, value in SETTINGS.items():
        setattr(settings, name, value)
    return settings


def _cross_reference(
    _role: str, raw: str, text: str, *_rest: Any, **_options: Any
) -> tuple[list[Any], list[Any]]:
    shown = re.sub(r"\s*<[^<>]*>$", "", text).lstrip("!")
    shown = shown.rpartition(".")[2] if shown.startswith("~") else shown
    return [nodes.literal(raw, shown, classes=["xref", "py"])], []


class _Versioned(Directive):  # type: ignore[misc]
    """`versionadded` and its kin: a paragraph with a label."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[Any]:
        text = " ".join((_VERSIONED[self.name], *self.arguments)) + ":"
        block = nodes.container(classes=[self.name])
        block += nodes.paragraph("", "", nodes.emphasis("", text))
        self.state.nested_parse(self.content, self.content_offset, block)
        return [block]


class _AnyOption(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return directives.unchanged


class _Dropped(Directive):  # type: ignore[misc]
    """A directive of which nothing is shown, whatever its arguments and options."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = _AnyOption(any=None)

    def run(self) -> list[Any]:
        return []


class _Literal(_Dropped):
    def run(self) -> list[Any]:
        text = "\n".join(self.content)
        return [nodes.literal_block(text, text, classes=["code", "python"])] if text else []


class _Unwrapped(_Dropped):
    def run(self) -> list[Any]:
        block = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, block)
        return list(block.children)


class _SphinxTranslator(HTMLTranslator):  # type: ignore[misc]
    """docutils' HTML with Sphinx's markup for code and formulas."""

    def visit_literal(self, node: Any) -> None:
        classes = " ".join([*node.get("classes", ()), "docutils", "literal", "notranslate"])
        words = html.escape(node.astext(), quote=False).split(" ")
        inner = " ".join(f'<span class="pre">{word}</span>' for word in words)
        self.body.append(f'<code class="{classes}">{inner}</code>')
        raise nodes.SkipNode

    def visit_math(self, node: Any) -> None:
        text = html.escape(node.astext(), quote=False)
        self.body.append(f'<span class="math notranslate nohighlight">\\({text}\\)</span>')
        raise nodes.SkipNode

    def visit_math_block(self, node: Any) -> None:
        text = html.escape(node.astext(), quote=False)
        if r"\\" in text and r"\begin" not in text:
            text = f"\\begin{{split}}{text}\\end{{split}}"
        self.body.append(f'<div class="math notranslate nohighlight">\n\\[{text}\\]</div>\n')
        raise nodes.SkipNode

    def visit_literal_block(self, node: Any) -> None:
        text = node.astext()
        named = [name for name in node.get("classes", ()) if name != "code"]
        language = named[0] if named else "default"
        self.body.append(code_html(text, "pycon" if text.startswith(">>>") else language))
        raise nodes.SkipNode

    def visit_doctest_block(self, node: Any) -> None:
        self.body.append(code_html(node.astext(), "pycon"))
        raise nodes.SkipNode

    def visit_problematic(self, node: Any) -> None:
        self.body.append(html.escape(node.astext(), quote=False))
        raise nodes.SkipNode
