"""How much of a page's Markdown is code, and which formulas are more than a name."""

import pytest

from stages.web.markup import Markup, measure_markup


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nothing here costs $5 or $6.", Markup()),
        ("```c\nint a;\n```\n\nthen `a`, ``b``", Markup(6, 2, 0)),
        ("```\né\n```", Markup(2, 0, 0)),
        ("````\n```\nx\n````", Markup(5, 0, 0)),
        ("```\nno end", Markup()),
        ("a `span\nover` lines", Markup()),
        ("$n$ numbers, $a_n$ of them, $a_{ij}$, \\\\(10\\\\), \\\\( x \\\\)", Markup()),
        ("$O(n^2)$, $\\\\Theta((n+m)\\\\log n)$, $\\\\mathcal{O}\\\\left(n^2\\\\right)$", Markup()),
        ("$a_n = 1$ and \\\\(x \\\\in X\\\\), $$f^2$$, $F(x) = G(y)$", Markup(0, 0, 4)),
        ("\\\\begin{align}a &= b\\\\end{align}", Markup(0, 0, 1)),
        ("$\\\\int_0^1 x$, $\\\\alpha_n$", Markup(0, 0, 1)),
        ("`$a_n = 1$`\n```\n$b_n = 2$\n```", Markup(9, 1, 0)),
    ],
)
def test_what_markdown_holds(text: str, expected: Markup) -> None:
    """Bytes of blocks, spans outside them, formulas of more than a name outside of code."""
    assert measure_markup(text.replace("\\\\", "\\")) == expected
