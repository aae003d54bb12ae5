"""What a block of code becomes: line numbers and blank borders go, a fence comes around it."""

import re
from itertools import pairwise

from stages.web.markdown.paper import NUMBER, NUMBER_END, SCRIPT_END, SUB, SUP

_NUMBER, _NUMBER_END = chr(NUMBER), chr(NUMBER_END)
_SCRIPT_MARKS = str.maketrans({SUP: "^", SUB: "_", SCRIPT_END: None})
_LINE_NUMBER = re.compile(
    f"[ \t]{{0,12}}{_NUMBER}[^0-9{_NUMBER_END}]*([0-9]+)[^{_NUMBER_END}]*{_NUMBER_END}"
)
_RUNS = re.compile("`+")
_BLANK_START = re.compile(r"(?:[ \t]*\n)+")
_MARKS = str.maketrans({NUMBER: None, NUMBER_END: None})


def clean_code(text: str) -> str:
    """The code of a block, without the numbers 1, 2, 3, … that begin its lines as elements of
    their own, and without blank lines around it."""
    if _NUMBER in text:
        text = _drop_numbers(text)
    text = text.translate(_SCRIPT_MARKS).rstrip()
    blank = _BLANK_START.match(text)
    if blank:
        text = text[blank.end() :]
    return text


def fence(code: str, language: str | None) -> str:
    """The code between fences longer than any run of backticks inside."""
    longest = max((len(run) for run in _RUNS.findall(code)), default=0) if "`" in code else 0
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language or ''}\n{code}\n{ticks}"


def code_span(code: str) -> str:
    """Code in a line of text."""
    if not code or code.isspace():
        return " " if code else ""
    if "`" not in code:
        return f"`{code}`"
    ticks = "`" * (max(len(run) for run in _RUNS.findall(code)) + 1)
    pad = " " if code[0] == "`" or code[-1] == "`" else ""
    return f"{ticks}{pad}{code}{pad}{ticks}"


def _drop_numbers(text: str) -> str:
    lines = text.split("\n")
    found = [_LINE_NUMBER.match(line) for line in lines]
    numbers = [int(match[1]) for match in found if match]
    unnumbered = sum(
        1 for line, match in zip(lines, found, strict=True) if not match and line.strip()
    )
    steps = all(b - a == 1 for a, b in pairwise(numbers))
    if len(numbers) > 1 and steps:
        alone = [_is_alone(line, match) for line, match in zip(lines, found, strict=True)]
        by_turns = not any(a and b for a, b in pairwise(alone))
        bare = text
        if sum(alone) == len(numbers) and by_turns and len(lines) > len(numbers):
            bare = "\n".join(line for line, match in zip(lines, found, strict=True) if not match)
        elif unnumbered <= len(numbers) // 8:
            bare = "\n".join(
                line[match.end() :] if match else line
                for line, match in zip(lines, found, strict=True)
            )
        text = bare if bare.strip() else text
    return text.translate(_MARKS)


def _is_alone(line: str, match: re.Match[str] | None) -> bool:
    return match is not None and not line[match.end() :].strip()


def is_numbering(text: str, code: str) -> bool:
    """Whether a block is the line numbers of the block behind it."""
    numbers = text.split()
    if len(numbers) != code.count("\n") + 1 or len(numbers) < 2:
        return False
    if not all(number.isdecimal() and len(number) < 8 for number in numbers):
        return False
    return all(int(b) - int(a) == 1 for a, b in pairwise(numbers)) and not code[:1].isdecimal()
