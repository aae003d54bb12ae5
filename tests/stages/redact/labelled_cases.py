"""The labelled lines beside this module: real formats and code that looks like them.

`labelled/KIND.txt` has a case a line. What is to be hidden stands between ⟦ and ⟧, ⏎ is a line
end, and `{hex:32}` stands for as many random characters of an alphabet, so that no file of ours
holds a key. A line that begins with `# ` and no more parts them for the reader.
"""

import random
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "labelled"
HEADINGS = ("# To be hidden", "# Code that", "# Numbers that", "# Strings that")
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "dig": string.digits,
    "let": string.ascii_letters,
    "up": string.ascii_uppercase + string.digits,
    "b32": string.ascii_uppercase + "234567",
    "b62": string.ascii_letters + string.digits,
    "b64": string.ascii_letters + string.digits + "+/",
    "pw": string.ascii_letters + string.digits + "!#%*^?",
    "any": string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)",
}
_TEMPLATE = re.compile(r"\{(" + "|".join(_ALPHABETS) + r"):(\d+)\}")


class Case(NamedTuple):
    """A text, and the spans (start, end, kind) that are to be hidden, in bytes."""

    text: str
    spans: list[tuple[int, int, str]]


def cases(kind: str) -> Iterator[Case]:
    """The cases of a kind, in the order of the file."""
    lines = (FOLDER / f"{kind.lower()}.txt").read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        if not line.startswith(HEADINGS):
            yield _case(line, kind, random.Random(f"{kind} {number}"))


def _case(line: str, kind: str, chance: random.Random) -> Case:
    def drawn(found: re.Match[str]) -> str:
        return "".join(chance.choices(_ALPHABETS[found[1]], k=int(found[2])))

    text, spans = b"", []
    pieces = re.split("[⟦⟧]", _TEMPLATE.sub(drawn, line.replace("⏎", "\n")))
    for index, piece in enumerate(pieces):
        written = piece.encode()
        if index % 2:
            spans.append((len(text), len(text) + len(written), kind))
        text += written
    return Case(text.decode(), spans)
