"""How a formula stands in the text: TeX between dollars, once."""

import re

Placed = tuple[str, bool]
"""What stands in the place of an element, and whether on lines of its own."""

_RENDERED_WORDS = (
    "MathJax MathJax_Display MathJax_SVG MathJax_SVG_Display MathJax_CHTML "
    "MathJax_CHTML_Display mjx-chtml MathJax_MathML MathJax_Preview MJXc-display "
    "MJX_Assistive_MathML"
)
RENDERED = frozenset(_RENDERED_WORDS.split())
"""Classes of what MathJax 2 renders beside the source."""
TEX_SIGN = re.compile(r"[\\^_{}]")
DELIMITED = re.compile(
    r"(?:\\\((?P<inline>.*)\\\)|\\\[(?P<display>.*)\\\]|\$\$(?P<dollars>.*)\$\$|"
    r"\$?latex (?P<wordpress>.*?)\$?|\$(?P<dollar>.*)\$)",
    re.S,
)
_INLINE_STYLE = re.compile(r"\{\\displaystyle (.*)\}", re.S)
_COMMENT = re.compile(r"(?<!\\)%.*")
_BLANKS = re.compile(r"\s+")


def placed(tex: str, display: bool) -> Placed:
    """A formula between dollars, whatever delimiters and wrappers its source has."""
    tex = tex.strip().removeprefix("<![CDATA[").removesuffix("]]>").removeprefix("% <![CDATA[")
    tex = tex.strip().removesuffix("% ]]>").lstrip("% \t\r\n").rstrip()
    if not tex.endswith(r"\%"):
        tex = tex.rstrip("% \t\r\n")
    if "%" in tex:
        lines, _, last = tex.rpartition("\n")
        tex = f"{_COMMENT.sub('', lines)} {last}"  # all will be one line
    found = DELIMITED.fullmatch(tex)
    if found:
        display = display or found["display"] is not None or found["dollars"] is not None
        inner = next(group for group in found.groups() if group is not None).strip()
        if "$" not in inner or found["dollar"] is None:
            tex = inner
    styled = _INLINE_STYLE.fullmatch(tex)
    if styled and _balanced(styled[1]):
        tex = styled[1].strip()
    tex = _BLANKS.sub(" ", tex).strip()
    if not tex or tex in ("$", "$$"):
        return ("", False)
    if display:
        return (f"$${tex}$$" if "$" not in tex else rf"\[{tex}\]", True)
    return (f"${tex}$" if "$" not in tex else rf"\({tex}\)", False)


def _balanced(tex: str) -> bool:
    depth = 0
    for character in re.sub(r"\\[{}]", "", tex):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0
