"""Which languages the blocks of code in a page are in."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.web.code_languages import ALIASES, MOST_BLOCKS, NOTHING, code_languages
from stages.web.extract import extract

GO = 'package main\n\nimport "fmt"\n\nfunc main() {\n\tx := 1\n\tfmt.Println(x)\n}\n'


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("", ()),
        ("no code", ()),
        ("```py\nx\n```", ("Python",)),
        ("```C++\nx\n```\n\ntext\n\n```sh\ny\n```\n\n```cpp\nz\n```", ("C++", "Shell")),
        ("````js\n```py\n```\n````", ("JavaScript",)),
        ("```yaml\na: 1\n```", ()),
        (f"```\n{GO}```", ("Go",)),
        (f"```no_run\n{GO}```", ("Go",)),
        (f"```java\nx\n```\n\n```\n{GO}```", ("Java", "Go")),
        ("```\nx\n```", ()),
        ("```\nThe quick brown fox jumps over the lazy dog, and then it sleeps.\n```", ()),
        ("```\n\n```", ()),
    ],
)
def test_languages_of_fences(text: str, languages: tuple[str, ...]) -> None:
    """A fence's word counts if it is known, else its content if that is certain."""
    assert code_languages(text) == languages


def test_a_page_has_them() -> None:
    """Extraction names the languages of what it keeps as code."""
    html = f"<article><p>Two programs.</p><pre class=lang-rust>x</pre><pre>{GO}</pre></article>"
    assert extract(html).code_languages == ("Rust", "Go")
    assert extract("<p>No code at all.</p>").code_languages == ()


def test_no_page_is_asked_for_ever() -> None:
    """Of thousands of unnamed blocks the first are judged; named ones all count."""
    block = f"```\n{GO}```\n\n"
    assert code_languages(block * 3 + "```py\nx\n```") == ("Go", "Python")
    assert code_languages("```\nx\n```\n" * MOST_BLOCKS + block) == ()


def test_fences_that_nothing_closes_cost_no_more_than_their_lines() -> None:
    """Each of another length, or the same many times: an hour for a search from each of them
    to the end of the page."""
    assert code_languages("".join("`" * length + "\n" for length in range(3, 4_000))) == ()
    assert code_languages("````x\n" * 200_000 + "```py\nx\n```") == ("Python",)


@given(st.lists(st.sampled_from(["```", "````", "`", "py", "c", "\n", "```\n"]), max_size=14))
def test_blocks_are_those_of_an_expression(parts: list[str]) -> None:
    """The plain way to say it, which is quadratic."""
    text = "".join(parts)
    blocks = re.finditer(r"^(`{3,})([^`\n]*)\n(.*?)\n\1$", text, re.M | re.S)
    named = {"py": "Python", "c": "C"}
    known = [named[block[2]] for block in blocks if block[2] in named]
    assert [one for one in code_languages(text) if one in named.values()] == (
        list(dict.fromkeys(known))
    )


def test_aliases_stand_for_languages() -> None:
    """Every alias is in lower case, and of one of the 338 or of none of them."""
    rows = (files("seeds") / "languages.tsv").read_text("utf-8").splitlines()
    supported = {row.partition("\t")[0] for row in rows[1:]}
    lines = (files("seeds") / ALIASES).read_text("utf-8").splitlines()[1:]
    aliases = [line.split("\t") for line in lines]
    assert len({alias for alias, _ in aliases}) == len(aliases)
    for alias, language in aliases:
        assert alias == alias.lower().strip() != ""
        assert language == NOTHING or language in supported
