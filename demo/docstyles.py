"""Docstrings in the numpydoc and Google styles to HTML, by way of reStructuredText.

Section titles become paragraphs of class `rubric`: reStructuredText allows no sections of mixed
levels inside a docstring, and a `rubric` directive would swallow an indented block. Entries
become definition lists (numpydoc's are that already). Any other docstring passes unchanged.
"""

import re

from demo.rest import rest_html

_NUMPYDOC = frozenset(
    """Parameters|Returns|Yields|Receives|Raises|Warns|Other Parameters|Attributes|Methods|Notes
Warnings|Examples|References|See Also|Keyword Arguments|Fields""".replace("\n", "|").split("|")
)
_UNDERLINE = re.compile(r"^\s*(-{3,}|={3,})\s*$")
_GOOGLE = re.compile(
    r"^(Args|Arguments|Parameters|Attributes|Keyword Args|Raises|Returns|Return|Yields|Example"
    r"|Examples|Note|Notes|Usage|Throws|References|Warning):{1,2}\s*$"
)
_GOOGLE_ENTRY = re.compile(r"^(\s+)(`?\*{0,2}[\w.]+`?)\s*(\([^()]*\))?\s*:\s+(\S.*)$")


def docstring_html(docstring: str) -> str:
    """The HTML body of a docstring in plain, numpydoc or Google style."""
    return rest_html(_google_to_rest(_numpydoc_to_rest(docstring)))


def _numpydoc_to_rest(text: str) -> str:
    lines = text.split("\n")
    out: list[str] = []
    escaping = False
    position = 0
    while position < len(lines):
        line = lines[position]
        underlined = position + 1 < len(lines) and _UNDERLINE.match(lines[position + 1])
        if underlined and line.strip() in _NUMPYDOC and not line.startswith(" "):
            out += ["", ".. class:: rubric", "", line.strip(), ""]
            escaping = "Parameters" in line
            position += 2
            continue
        out.append(re.sub(r"^(\*{1,2})(?=\w)", r"\\\1", line) if escaping else line)
        position += 1
    return "\n".join(out)


def _google_to_rest(text: str) -> str:
    out: list[str] = []
    inside = False
    for line in text.split("\n"):
        header = _GOOGLE.match(line)
        if header:
            inside = True
            out += ["", ".. class:: rubric", "", header[1], ""]
        elif inside and (entry := _GOOGLE_ENTRY.match(line)) and len(entry[1]) <= 8:
            type_ = f" : {entry[3]}" if entry[3] else ""
            name = entry[2].replace("*", r"\*")
            out += ["", f"{entry[1]}{name}{type_}", f"{entry[1]}    {entry[4]}"]
        else:
            inside = inside and (not line or line.startswith(" "))
            out.append(line)
    return "\n".join(out)
