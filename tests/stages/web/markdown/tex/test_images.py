"""Which images are asked whether they show a formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.web.markdown.source import Source
from stages.web.markdown.tex.images import image_tex, may_be_tex
from stages.web.tree.build import build
from stages.web.tree.elements import TAGS

NAMES = ("alt", "ALT", "src", "data-src", "class", "data-latex", "DATA-TEX", "eeimg", "data-expr")
PIECES = (
    "x", "_2", "^2", r"\frac", "{a}", "=", "≤", "+", "$x$", r"\(x\)", "&bsol;alpha", "&amp;",
    "&#94;", "https://latex.codecogs.com/svg.latex?", "latex.php?latex=", "/equation?tex=",
    "?cht=tx&chl=", "?chl=", "?eq=", "render/math?math=", "%5cfrac", "/%5Calpha", "photo.jpg",
    "tex", "Eqn", "ee_img", "mwe-math", "LaTeX", "formula", "1", " ",
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
    )
)
def test_no_formula_is_passed_over(attributes: dict[str, str]) -> None:
    """An image that is not asked shows none, wherever it stands."""
    written = " ".join(f"{name}='{value}'" for name, value in attributes.items())
    source = Source(build(f"<p>a <img {written}> b".encode()))
    node = list(source.tag).index(TAGS["img"])
    if not may_be_tex(source, node):
        for in_math in (True, False):
            assert not image_tex(source.attributes(node), in_math=in_math)[0]


@pytest.mark.parametrize(
    "alt",
    [
        r"\begin{figure}\begin{verbatim}alert tcp any any -> 10.0.0.0/24\end{verbatim}\end{figure}",
        r"\begin{table}\begin{center}\begin{tabular}{c}x_i\end{tabular}\end{center}\end{table}",
        r"\includegraphics[width=2cm]{plot_1}",
        r"\epsfig{file=plot.eps}",
    ],
)
def test_figures_are_no_formulas(alt: str) -> None:
    """LaTeX2HTML writes the source of all that it shows as an image."""
    assert image_tex({"alt": alt, "src": "img1.png"}, in_math=False) == ("", False)
    assert image_tex({"alt": r"\begin{array}{c}x_i\end{array}", "src": "img1.png"})[0]
