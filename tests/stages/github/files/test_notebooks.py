"""Notebooks become scripts."""

import json
import tarfile
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.github.files.notebooks import script_text
from stages.kernels.line_comments import comment_table

NOTEBOOK = {
    "nbformat": 4,
    "metadata": {"kernelspec": {"language": "python"}},
    "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Some words."]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "x = 1\n"], "outputs": [{"a": 9}]},
        {"cell_type": "code", "source": ""},
        {"cell_type": "raw", "source": "raw"},
    ],
}


def test_code_stays_and_words_become_comments():
    """Outputs and empty cells are gone, an empty line stands between cells."""
    assert script_text(json.dumps(NOTEBOOK)) == (
        "# # Title\n#\n# Some words.\n\n%matplotlib inline\nx = 1\n\n# raw\n"
    )


def test_pictures_pasted_into_words_lose_their_bytes():
    """The place stays, what code says stays, and so does a short example of a URL."""
    url, end = "data:image/png;base64,", "iVBORw0KGgo" * 500 + "=="
    words = f"See ![a]({url}{end}) and\n\n[image1]: <{url}{end}>\n`{url}iVBORw0KGgo=`"
    cells = [
        {"cell_type": "markdown", "source": words},
        {"cell_type": "code", "source": f"x = '{url}{end}'"},
    ]
    assert script_text(json.dumps({"cells": cells})) == (
        f"# See ![a]({url}) and\n#\n# [image1]: <{url}>\n# `{url}iVBORw0KGgo=`\n\n"
        f"x = '{url}{end}'\n"
    )


def words(named, text="Twice a number."):
    """A notebook's only cell, of words, as a script; `named` is where its language stands."""
    cell = {"cell_type": "markdown", "source": text}
    return script_text(json.dumps({"cells": [cell], "metadata": named}))


@pytest.mark.parametrize(
    ("language", "comment"),
    [
        ("R", "# {}"),
        ("scala", "// {}"),
        ("Haskell", "-- {}"),
        ("matlab", "% {}"),
        ("C++11", "// {}"),
        ("c++23", "// {}"),
        ("C", "// {}"),
        (".NET (C#)", "// {}"),
        ("F#", "// {}"),
        ("Standard ML", "(* {} *)"),
        ("Coq", "(* {} *)"),
        ("Wolfram Language 13.3", "(* {} *)"),
        ("Mathematica", "(* {} *)"),
        ("fortran 90", "! {}"),
        ("Julia 1.10", "# {}"),
        ("SQLite", "-- {}"),
        ("Lua 5.4", "-- {}"),
        ("Common Lisp", ";; {}"),
        ("php", "// {}"),
        ("Maxima", "/* {} */"),
        ("Prolog", "% {}"),
        ("nobody's", "# {}"),
    ],
)
def test_comments_follow_the_kernel(language, comment):
    """The comment sign is that of the notebook's language, with whatever version."""
    expected = comment.format("Twice a number.") + "\n"
    assert words({"kernelspec": {"language": language}}) == expected
    assert words({"language_info": {"name": language}}) == expected
    assert words({"kernelspec": {"name": "x", "language": "??"}, "language": language}) == expected


@pytest.mark.parametrize(
    ("kernel", "comment"),
    [
        ("xcpp17", "// {}"),
        ("ir", "# {}"),
        ("ocaml-jupyter", "(* {} *)"),
        ("wolframlanguage12", "(* {} *)"),
        ("gophernotes", "// {}"),
        ("ihaskell", "-- {}"),
        ("julia-1.9", "# {}"),
        ("octave_kernel", "% {}"),
    ],
)
def test_the_kernels_name_will_do(kernel, comment):
    """Where nothing names the language."""
    named = {"kernelspec": {"name": kernel, "display_name": "My kernel"}}
    assert words(named) == comment.format("Twice a number.") + "\n"


def test_a_cell_of_format_3_names_the_language():
    """Its notebooks have no kernel."""
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Numbers"]},
        {"cell_type": "code", "language": "haskell", "input": "main = print 1"},
        {"cell_type": "raw", "source": ["first", "second"]},
    ]
    script = script_text(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}))
    assert script == "-- ## Numbers\n\nmain = print 1\n\n-- first\n-- second\n"


def test_marks_inside_a_comment_are_pulled_apart():
    """They would end it, or begin another inside it."""
    named = {"kernelspec": {"language": "OCaml"}}
    assert words(named, "f (* x\n\ny *) z\r\n") == "(* f ( * x *)\n(* *)\n(* y * ) z *)\n"
    assert words({"kernelspec": {"language": "maxima"}}, "a */ b") == "/* a * / b */\n"


def test_every_kernel_is_known_by_one_name():
    """The table has what comments.toml has not, in the spelling that is looked up."""
    like = tomllib.loads((files("seeds") / "notebook_kernels.toml").read_text())["like"]
    known = {name.lower() for name in comment_table().by_language}
    assert set(like.values()) <= set(comment_table().by_language)
    assert [name for name in like if name != name.lower() or name in known] == ["php"]
    assert list(like) == sorted(like)


@pytest.mark.parametrize("cell", ["source", "input"])
@pytest.mark.parametrize(
    "lines",
    [
        ["x = 1\n", "y = 2\n", "\n", "z = 3"],
        ["x = 1", "y = 2", "", "z = 3"],
        ["x = 1", "y = 2\n", "", "z = 3\n"],
        ["x = 1\ny = 2\n\nz = 3"],
        "x = 1\ny = 2\n\nz = 3\n",
    ],
)
def test_lines_may_lack_their_ends(lines, cell):
    """Lists with and without, and strings, are one script."""
    notebook = {"cells": [{"cell_type": "code", cell: lines}]}
    assert script_text(json.dumps(notebook)) == "x = 1\ny = 2\n\nz = 3\n"


def test_odd_line_ends_are_ends():
    """Python cuts a text at a form feed, too, and joins it again."""
    notebook = {"cells": [{"cell_type": "code", "source": ["x = 1\f", "y = 2\u2028", "z"]}]}
    assert script_text(json.dumps(notebook)) == "x = 1\fy = 2\u2028z\n"


def test_format_3_is_read():
    """Worksheets with `input` cells, as IPython 1 to 2 wrote them."""
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}]}
    assert script_text(json.dumps(old)) == "x = 1\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cells": 3}',
        '{"cells": [1]}',
        "<<<<<<< HEAD",
        "[" * 100_000,
        '{"cells": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_notebook_stays_text(text):
    """Broken, foreign or hostile JSON is left to the caller."""
    assert script_text(text) is None


def test_lone_surrogates_are_replaced():
    """JSON can say what UTF-8 cannot."""
    text = '{"cells": [{"cell_type": "code", "source": "s = \'\\ud800\'"}]}'
    assert script_text(text) == "s = '?'\n"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["cells", "source", "cell_type", "metadata", "worksheets", "input"]
                ),
                inner,
                max_size=3,
            )
        ),
    )
)
def test_any_json_is_settled(value):
    """No shape of JSON raises."""
    text = script_text(json.dumps(value))
    assert text is None or isinstance(text.encode(), bytes)


def test_real_notebooks_lose_nothing_of_their_code(real_archives, read_bytes):
    """Every line of every code cell stands in the script."""
    path = next(path for path in real_archives if "Whirlwind" in path.name)
    texts = read_bytes(path.name, path.read_bytes()).texts
    n_lines = 0
    with tarfile.open(path) as archive:
        for member in archive:
            if not member.name.endswith(".ipynb"):
                continue
            script = texts[member.name.partition("/")[2]].split("\n")
            for cell in json.load(archive.extractfile(member))["cells"]:
                if cell["cell_type"] == "code":
                    lines = "".join(cell["source"]).split("\n")
                    n_lines += len(lines)
                    assert set(lines) - {""} <= set(script)
    assert n_lines > 500
