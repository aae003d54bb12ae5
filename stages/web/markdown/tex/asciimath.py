"""AsciiMath between backticks, on pages that declare it: `sum_(i=1)^n i^2` as TeX."""

import re

from stages.web.markdown.tex.mathml_operators import FUNCTIONS

MAX_CHARACTERS = 400
"""Of one formula."""
MAX_PAGE_CHARACTERS = 500_000
"""Of all formulas of a page, at 4 µs each; what comes behind stays as the page has it."""
MAX_DEPTH = 32

_DECLARED = re.compile(rb"config=[\w.,-]*am_(?:chtml|htmlormml)|mml-am[_-]")
_FORMULA = re.compile(rf"`([^`\n]{{1,{MAX_CHARACTERS}}})`")
_TOKEN = re.compile(
    r'"[^"]*"|[0-9]+(?:\.[0-9]+)?|\s+|'
    r"<=>|\|->|<->|-\<=|>->>|->>|>->|\^\^\^|vvv|nnn|uuu|\*\*\*|\*\*|//|\\\\|xx|-:|:\.|o\+|ox|o\.|"
    r"sum|prod|int|oint|sqrt|root|frac|text|vec|hat|bar|ul|dot|ddot|abs|floor|ceil|norm|"
    r"bb|bbb|cc|tt|fr|sf|->|=>|<=|>=|!=|-=|~=|~~|\+-|\(:|:\)|\{:|:\}|\.\.\.|"
    r"[A-Za-z]+|."
)
_SYMBOLS = {
    "*": r"\cdot", "**": r"\ast", "***": r"\star", "//": "/", "xx": r"\times", "-:": r"\div",
    "+-": r"\pm", "!=": r"\ne", "<=": r"\le", ">=": r"\ge", "->": r"\to", "=>": r"\Rightarrow",
    "<=>": r"\Leftrightarrow", "|->": r"\mapsto", "<->": r"\leftrightarrow", "-=": r"\equiv",
    "~=": r"\cong", "~~": r"\approx", "...": r"\ldots", "oo": r"\infty", "nnn": r"\bigcap",
    "uuu": r"\bigcup", "vvv": r"\bigvee", "^^^": r"\bigwedge", "o+": r"\oplus", "ox": r"\otimes",
    "o.": r"\odot", "in": r"\in", "notin": r"\notin", "sub": r"\subset", "sup": r"\supset",
    "sube": r"\subseteq", "supe": r"\supseteq", "uu": r"\cup", "nn": r"\cap", "vv": r"\vee",
    "and": r"\text{ and }", "or": r"\text{ or }", "if": r"\text{ if }", "AA": r"\forall",
    "EE": r"\exists", "RR": r"\mathbb{R}", "NN": r"\mathbb{N}", "ZZ": r"\mathbb{Z}",
    "QQ": r"\mathbb{Q}", "CC": r"\mathbb{C}", "del": r"\partial", "grad": r"\nabla",
    "O/": r"\emptyset", "prop": r"\propto", "quad": r"\quad", ":.": r"\therefore", "le": r"\le",
    "ge": r"\ge", "lt": "<", "gt": ">", "ne": r"\ne", "cdot": r"\cdot", "times": r"\times",
    "to": r"\to", "infty": r"\infty", "(:": r"\langle", ":)": r"\rangle", "{:": "", ":}": "",
    "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$",
}  # fmt: skip
_GREEK_WORDS = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu "
    "nu xi pi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi "
    "Sigma Phi Psi Omega sum prod int oint"
)
_GREEK = frozenset(_GREEK_WORDS.split())
_UNARY = {"sqrt": "sqrt", "vec": "vec", "hat": "hat", "bar": "overline", "ul": "underline",
          "dot": "dot", "ddot": "ddot", "bb": "mathbf", "bbb": "mathbb", "cc": "mathcal",
          "tt": "mathtt", "fr": "mathfrak", "sf": "mathsf", "text": "text"}  # fmt: skip
_BINARY = {"frac": r"\frac", "root": r"\sqrt"}
_CLOSERS = {"(": ")", "[": "]", "{": "}", "(:": ":)", "{:": ":}"}
_AROUND = {"abs": ("|", "|"), "floor": (r"\lfloor ", r"\rfloor "), "ceil": (r"\lceil ", r"\rceil "),
           "norm": (r"\|", r"\|")}  # fmt: skip


def declares_asciimath(page: bytes) -> bool:
    """Whether a page loads something that renders AsciiMath."""
    page = page.lower()
    if b"asciimath" in page:
        return True
    return (b"am_" in page or b"mml-am" in page) and _DECLARED.search(page) is not None


def place_asciimath(text: str, spans: re.Pattern[str], n_most: int) -> tuple[str, int, int]:
    """The text with its AsciiMath as TeX between dollars, how much there was, and how many
    characters it had: about `n_most` at most. Nothing changes inside of code, which `spans`
    matches."""
    n_formulas = n_characters = 0

    def place(match: re.Match[str]) -> str:
        nonlocal n_formulas, n_characters
        if n_characters >= n_most:
            return match[0]
        n_formulas += 1
        n_characters += len(match[1])
        return f"${asciimath_to_tex(match[1])}$"

    parts, start = [], 0
    for span in spans.finditer(text):
        parts += [_FORMULA.sub(place, text[start : span.start()]), span[0]]
        start = span.end()
    parts.append(_FORMULA.sub(place, text[start:]))
    return "".join(parts), n_formulas, n_characters


def asciimath_to_tex(source: str) -> str:
    """A formula's TeX."""
    return _Reader([t for t in _TOKEN.findall(source) if not t.isspace()]).all()


class _Reader:
    """Recursive descent over the tokens, at most `MAX_DEPTH` deep."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def all(self) -> str:
        out = []
        while self._peek():
            out.append(self._fraction())
        return " ".join(part for part in out if part)

    def _until(self, closers: frozenset[str]) -> str:
        out = []
        while self._peek() and self._peek() not in closers:
            out.append(self._fraction())
        return " ".join(part for part in out if part)

    def _fraction(self) -> str:
        over = self._scripted()
        if self._peek() == "/":
            self._take()
            return rf"\frac{{{_bare(over)}}}{{{_bare(self._scripted())}}}"
        return over

    def _scripted(self) -> str:
        out = self._simple()
        for sign in ("_", "^"):
            if self._peek() == sign:
                self._take()
                out += f"{sign}{{{_bare(self._simple())}}}"
        return out

    def _simple(self) -> str:
        token = self._take()
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH or not token:
                return token
            return self._read(token)
        finally:
            self._depth -= 1

    def _read(self, token: str) -> str:  # noqa: PLR0911
        if token.startswith('"'):
            return rf"\text{{{token.strip(chr(34))}}}"
        if token in _UNARY:
            return rf"\{_UNARY[token]}{{{_bare(self._simple())}}}"
        if token in _AROUND:
            left, right = _AROUND[token]
            return f"{left}{_bare(self._simple())}{right}"
        if token in _BINARY:
            first, second = _bare(self._simple()), _bare(self._simple())
            return (
                rf"\sqrt[{first}]{{{second}}}"
                if token == "root"
                else rf"\frac{{{first}}}{{{second}}}"
            )
        if token in _CLOSERS:
            inside = self._until(frozenset(")]}") | {":)", ":}"})
            closer = self._take()
            left = _SYMBOLS.get(token, _brace(token))
            return f"{left}{inside}{_SYMBOLS.get(closer, _brace(closer))}"
        if token in _SYMBOLS:
            return _SYMBOLS[token]
        if token in _GREEK or token in FUNCTIONS:
            return "\\" + token
        if len(token) > 1 and token.isalpha():
            return " ".join(token)
        return token


def _brace(token: str) -> str:
    return "\\" + token if token in ("{", "}") else token


def _bare(tex: str) -> str:
    """An argument without the parentheses that only group it."""
    if len(tex) > 1 and tex[0] == "(" and tex[-1] == ")":
        depth = 0
        for position, character in enumerate(tex):
            depth += (character == "(") - (character == ")")
            if depth == 0 and position < len(tex) - 1:
                return tex
        return tex[1:-1]
    return tex
