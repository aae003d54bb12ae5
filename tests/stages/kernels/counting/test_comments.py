"""Counting comments equals a plain reading, line by line."""

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.kernels.arrow import utf8_buffers
from stages.kernels.counting.comments import HEADER_CODE_LINES, Syntax, Syntaxes, count_comments

PYTHON = Syntax(line=("#",), quoted=('"""', "'''"))
C = Syntax(line=("//",), block=(("/*", "*/"),))
LISP = Syntax(line=(";",), block=(("#|", "|#"),))
SYNTAXES = (PYTHON, C, LISP)
LICENCE_WORDS = ("copyright", "all rights reserved")
KNOWN = Syntaxes.of(SYNTAXES, LICENCE_WORDS)

PIECES = st.sampled_from(
    [
        "# ", "//", "/*", "*/", '"""', "'''", ";", "#|", "|#", "\n", "\n", "\r\n", "\r", " ", "\t",
        "x = 1", "words that say a thing", "two words", "Copyright", "ALL rights Reserved", "----",
        "слова про то", "漢字漢字漢字", "f(a, b)",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join)


def count_plainly(text: str, syntax: Syntax) -> tuple[int, int, int, int]:
    lines = [line.strip(" \t\f") for line in re.split("\r\n|\r|\n", text)]
    n_code, awaited, in_code = 0, None, False
    comments: list[tuple[bool, list[str]]] = []  # whether near the top, its lines
    is_open = False
    for line in lines:
        if awaited is not None:
            is_comment, begins = bool(line) and not in_code, False
            awaited = None if awaited in line else awaited
        elif not line:
            is_comment, begins = False, True
        else:
            is_comment, begins, awaited, in_code = opened(line, syntax)
        if begins or not is_comment:
            is_open = False
        if is_comment:
            if not is_open:
                comments.append((n_code < HEADER_CODE_LINES, []))
            comments[-1][1].append(line)
            is_open = True
        elif line:
            n_code += 1
    told = [
        (top, of)
        for top, of in comments
        if not any(word in line.lower() for line in of for word in LICENCE_WORDS)
    ]
    return (
        n_code,
        sum(len(of) for _, of in told),
        sum(prose(line) for _, of in told for line in of),
        sum(prose(line) for top, of in told if top for line in of),
    )


def opened(line: str, syntax: Syntax) -> tuple[bool, bool, str | None, bool]:
    pairs = [*syntax.block, *((quote, quote) for quote in syntax.quoted)]
    for start, end in pairs:
        if line.startswith(start):
            return True, True, None if end in line[len(start) :] else end, False
    if line.startswith(syntax.line):
        return True, False, None, False
    rest = line
    while found := re.search("|".join(map(re.escape, syntax.quoted)) or "(?!)", rest):
        rest = rest[found.end() :]
        if found[0] not in rest:
            return False, True, found[0], True
        rest = rest[rest.index(found[0]) + len(found[0]) :]
    return False, True, None, False


def prose(line: str) -> int:
    runs = re.findall(rb"[A-Za-z\x80-\xff]+", line.encode())
    words = sum(1 + len(re.findall(rb"[\x80-\xff]", run)) // 12 for run in runs if len(run) > 1)
    letters = sum(map(len, runs))
    solid = len(re.sub(rb"[ \t]", b"", line.encode()))
    return words if words >= 3 and letters * 10 >= solid * 7 else 0


def count(texts: list[str], syntax: Syntax) -> list[tuple[int, ...]]:
    numbers = np.full(len(texts), SYNTAXES.index(syntax), np.int32)
    found = count_comments(*utf8_buffers(pa.array(texts, pa.large_string())), numbers, KNOWN)
    return [tuple(map(int, row)) for row in zip(*found, strict=True)]


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=4), st.sampled_from(SYNTAXES))
def test_counts_equal_a_plain_reading(texts: list[str], syntax: Syntax) -> None:
    """Whatever is opened, closed or left open."""
    assert count(texts, syntax) == [count_plainly(text, syntax) for text in texts]


@pytest.mark.parametrize(
    ("syntax", "text", "expected"),
    [
        (PYTHON, "", (0, 0, 0, 0)),
        (PYTHON, "x = 1  # says nothing here\n", (1, 0, 0, 0)),
        (PYTHON, "# what the value stands for\nx = 1\n", (1, 1, 5, 5)),
        (PYTHON, '"""Reads one value.\n\nAnd raises where it fails.\n"""\nx = 1\n', (1, 3, 8, 8)),
        (PYTHON, 'x = """\nnot a comment at all\n"""\n# but this one is\n', (3, 1, 4, 4)),
        (PYTHON, "# Copyright 2020 by the authors\n# who wrote all of it\nx\n", (1, 0, 0, 0)),
        (PYTHON, "# Copyright 2020 by us\n\n# who wrote all of it\nx\n", (1, 1, 5, 5)),
        (C, "/* one thing said\n * and then another\n */\nint x;\n", (1, 3, 6, 6)),
        (C, "/* open and never closed\nint x;\n", (0, 2, 4, 4)),
        (C, "//----------------\n// x = y(z, 1);\nint x;\n", (1, 2, 0, 0)),
        (C, 'glob("src/*");\n' * HEADER_CODE_LINES + "// too far down here\n", (20, 1, 4, 0)),
        (C, "// Читает одно значение из потока\r\nint x;\r\n", (1, 1, 8, 8)),
        (LISP, "#| a block of words |#\n; and a line\n(f x)\n", (1, 2, 3, 3)),
    ],
)
def test_examples(syntax: Syntax, text: str, expected: tuple[int, ...]) -> None:
    """Lines of code and of comments, words of prose, and words near the top."""
    (found,) = count([text], syntax)
    assert found == expected == count_plainly(text, syntax)
