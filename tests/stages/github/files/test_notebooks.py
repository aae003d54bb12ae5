"""Notebooks become scripts."""

import json
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.github.files.notebooks import script_text

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


@pytest.mark.parametrize(
    ("language", "prefix"), [("R", "#"), ("scala", "//"), ("Haskell", "--"), ("matlab", "%")]
)
def test_comments_follow_the_kernel(language, prefix):
    """The comment sign is that of the notebook's language."""
    notebook = {**NOTEBOOK, "metadata": {"language_info": {"name": language}}}
    assert script_text(json.dumps(notebook)).startswith(f"{prefix} # Title\n{prefix}\n")


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
