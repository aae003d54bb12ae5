"""Docstrings and descriptions become the HTML that documentation sites serve."""

import textwrap
from importlib import metadata
from pathlib import Path

import pytest

from demo.distributions import installed
from demo.docstyles import docstring_html
from demo.fresh import import_fresh
from demo.markdown import markdown_html
from demo.members import from_import, from_source
from demo.rest import rest_html


def test_formulas_for_mathjax() -> None:
    """`:math:` and `.. math::` become MathJax markup."""
    html = docstring_html("Adds.\n\nNotes\n-----\nWith :math:`a<b`:\n\n.. math:: \\sum_i x_i\n")
    assert '<span class="math notranslate nohighlight">\\(a&lt;b\\)</span>' in html
    assert '<div class="math notranslate nohighlight">\n\\[\\sum_i x_i\\]</div>' in html


def test_formulas_of_a_real_docstring() -> None:
    """A docstring of NumPy keeps its formulas."""
    [_, generator] = from_import(["numpy.random"], ["numpy.random.Generator"])
    [normal] = [each for each in generator.members if each.name.endswith(".normal")]
    html = docstring_html(normal.docstring)
    assert "\\[p(x) = \\frac{1}{\\sqrt{ 2 \\pi \\sigma^2 }}" in html
    assert html.count('class="math ') >= 5


def test_doctests_are_code_blocks() -> None:
    """A doctest becomes a coloured `<pre>` in Sphinx's wrapper, its text unchanged."""
    html = docstring_html("Doubles.\n\nExamples\n--------\n>>> double(2)\n4\n")
    assert '<div class="highlight-pycon notranslate"><div class="highlight"><pre>' in html
    assert '<p class="rubric">Examples</p>' in html


def test_google_style_sections() -> None:
    """Sections and arguments in Google's style keep every word."""
    html = docstring_html("Reads.\n\nArgs:\n    path: Where it lies.\n    *rest: More.\n")
    assert '<p class="rubric">Args</p>' in html
    assert "<dt>path</dt>" in html
    assert "*rest" in html


@pytest.mark.parametrize("text", [".. raw:: html\n\n   <script>x</script>\n", "Title\n=\n\n<b>"])
def test_no_raw_html(text: str) -> None:
    """Raw HTML is shown as text at most."""
    html = rest_html(text)
    assert "<script>" not in html
    assert "<b>" not in html


def test_no_files_are_included() -> None:
    """An include directive reads nothing."""
    assert "root:" not in rest_html("Before.\n\n.. include:: /etc/passwd\n\nAfter.\n")


def test_unparsable_text_stays_readable() -> None:
    """Text that docutils would leave out becomes a `<pre>`."""
    text = ".. unknown-directive::\n\n   every word of this is kept\n"
    assert "every word of this is kept" in rest_html(text)


def test_markdown_drops_html() -> None:
    """Raw HTML in Markdown is left out, its code is coloured."""
    html = markdown_html("# T\n\n<script>x</script>\n\n```python\nprint(1)\n```\n")
    assert "<script>" not in html
    assert '<code class="language-python"><span class="nb">print</span>' in html


def test_source_is_read_without_import() -> None:
    """Docstrings read from source have signatures as written and come in the file's order."""
    [module] = from_source(["fractions"])
    [fraction] = module.members
    assert fraction.name == "fractions.Fraction"
    assert fraction.signature == "(numbers.Rational)"
    assert "fractions.Fraction.limit_denominator" in [each.name for each in fraction.members]


def test_missing_modules_are_skipped(caplog: pytest.LogCaptureFixture) -> None:
    """A module that is not there is named in the log and left out."""
    assert list(from_source(["no_such_package.*"])) == []
    assert list(from_import(["no_such_package"])) == []
    assert caplog.text.count("no_such_package") == 3


def test_folders_added_to_the_path_are_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an import adds to `sys.path` changes neither the distributions nor the sources."""
    (tmp_path / "colorama-9.9.dist-info").mkdir()
    (tmp_path / "colorama-9.9.dist-info" / "METADATA").write_text("Name: colorama\nVersion: 9.9\n")
    (tmp_path / "fractions.py").write_text('"""Another module."""\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert metadata.version("colorama") == "9.9"
    assert installed(["colorama", "no_such_package"]) == {}
    assert next(from_source(["fractions"])).docstring != "Another module."


def test_docstrings_are_read_in_a_fresh_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process did to a docstring is not seen; a missing module is logged."""
    monkeypatch.setattr(textwrap.dedent, "__doc__", "Changed here.")
    [[module], missing] = import_fresh([(["textwrap"], []), (["no_such_package"], [])])
    [dedent] = [each for each in module.members if each.name == "textwrap.dedent"]
    assert dedent.docstring.startswith("Remove any common leading whitespace")
    assert missing == []
