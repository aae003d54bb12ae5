"""What a block of code becomes: line numbers and blank borders go, a fence comes around it."""

import re
from itertools import pairwise

from stages.web.markdown.paper import NUMBER, NUMBER_END, SCRIPT_END, SUB, SUP

_NUMBER, _NUMBER_END = chr(NUMBER), chr(NUMBER_END)
_SCRIPTS = (chr(SUP), chr(SUB), chr(SCRIPT_END))
_SCRIPT_MARKS = str.maketrans({SUP: "^", SUB: "_", SCRIPT_END: None})
_LINE_NUMBER = re.compile(
    f"[ \t]{{0,12}}{_NUMBER}[^0-9{_NUMBER_END}]*([0-9]+)[^{_NUMBER_END}]*{_NUMBER_END}"
)
_PADDED_NUMBER = re.compile(r"(0[0-9]{2,7}|[0-9]{3,8})(?: |$)")
_LABEL = (
    r"(?:Copy(?:[ ](?:code|snippet|text|to clipboard|link|raw))?|Copied(?:[ ]to clipboard)?!?|"
    r"View raw|Raw|Select all|复制(?:代码)?|复制成功!?|已复制!?|複製(?:程式碼)?|"
    r"コピー(?:する|しました)?|Kopieren|Kopiert!?|Copier|Copié ?!?|Copiar|¡?Copiado!?|"
    r"Копировать|Скопировано!?|복사(?:하기)?)"
)
_LABEL_LINE = re.compile(rf"\s*{_LABEL}(?:\s*{_LABEL})*\s*")
_RUNS = re.compile("`+")
_BLANK_START = re.compile(r"(?:[ \t]*\n)+")
_MARKS = str.maketrans({NUMBER: None, NUMBER_END: None})


def clean_code(text: str) -> str:
    """The code of a block, without the numbers 1, 2, 3, … that begin its lines as elements of
    their own, and without blank lines around it."""
    if _NUMBER in text:
        text = _drop_numbers(text)
    elif text[:1] == "0":
        text = _drop_padded_numbers(text)
    if any(mark in text for mark in _SCRIPTS):
        text = text.translate(_SCRIPT_MARKS)
    text = text.rstrip()
    blank = _BLANK_START.match(text)
    if blank:
        text = text[blank.end() :]
    last = text.rfind("\n")
    return text[:last].rstrip() if last > 0 and _LABEL_LINE.fullmatch(text, last) else text


def drop_labels(text: str, *, before: bool, behind: bool) -> str:
    """Prose without the line that a button to copy the code says, before or behind a block."""
    if before:
        body = text.rstrip()
        cut = body.rfind("\n") + 1
        if _LABEL_LINE.fullmatch(body, cut):
            text = f"{body[:cut]}{text[len(body) :]}"
    if behind:
        start = len(text) - len(text.lstrip())
        cut = text.find("\n", start)
        if _LABEL_LINE.fullmatch(text, start, len(text) if cut < 0 else cut):
            text = "" if cut < 0 else f"{text[:start]}{text[cut:]}"
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


def without_separator(code: str) -> str:
    """Lines without the blank that stood between each and its number."""
    lines = code.split("\n")
    starts = [line[:2] for line in lines if line.strip()]
    is_apart = all(start[0] == " " for start in starts) and any(
        start[1:] != " " for start in starts
    )
    return "\n".join(line[1:] for line in lines) if is_apart else code


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
        if bare.strip() and bare is not text:
            text = without_separator(bare.translate(_MARKS))
    return text.translate(_MARKS)


def _drop_padded_numbers(text: str) -> str:
    """Lines without the numbers 00001, 00002, … that are part of their text."""
    lines = text.split("\n")
    found = [_PADDED_NUMBER.match(line) for line in lines]
    numbers = [int(match[1]) for match in found if match]
    counts = all(b - a == 1 for a, b in pairwise(numbers))
    if len(numbers) < max(2, len(lines) - text.endswith("\n")) or not counts:
        return text
    return "\n".join(
        line[match.end() :] if match else line for line, match in zip(lines, found, strict=True)
    )


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
