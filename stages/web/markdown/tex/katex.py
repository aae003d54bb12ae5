"""What KaTeX lays out, where a page keeps neither MathML nor TeX beside it.

Stacks (`vlist`) are written from the lowest row up: of a fraction the denominator comes first, of
two scripts the lower one.
"""

from stages.web.markdown.source import Source
from stages.web.markdown.tex.mathml_operators import FUNCTIONS, INVISIBLE, TEX
from stages.web.markdown.tex.mathml_rows import group, join

MAX_DEPTH = 64


def katex_to_tex(source: Source, node: int) -> str:
    """The TeX that a `.katex-html` shows."""
    for inner in range(node, source.end[node]):
        if source.tag[inner] and "katex-html" in source.classes(inner):
            tex = "" if source.is_exhausted else _row(source, inner, 0).strip()
            return " ".join(source.text(inner).split()) if source.is_exhausted else tex
    return ""


def _row(source: Source, node: int, depth: int) -> str:  # noqa: PLR0911, PLR0912
    source.n_converted += 1
    if source.is_exhausted:
        return ""
    if not source.tag[node]:
        text = source.text(node).translate(INVISIBLE)
        return join([TEX.get(c, " " if c.isspace() else c) for c in text])
    if depth > MAX_DEPTH:
        return source.text(node)
    classes = set(source.classes(node))
    if classes & {"strut", "pstrut", "vlist-s", "frac-line", "nulldelimiter", "katex-mathml"}:
        return ""
    if "mspace" in classes:
        return " "
    if "mop" in classes and source.text(node).strip() in FUNCTIONS:
        return "\\" + source.text(node).strip() + " "
    if "msupsub" in classes:
        return _scripts(_stack(source, node, depth), source, node)
    if "mfrac" in classes:
        parts = _stack(source, node, depth)
        if parts:
            return rf"\frac{{{parts[-1]}}}{{{parts[0]}}}" if len(parts) > 1 else parts[0]
    if "sqrt" in classes:
        parts = _stack(source, node, depth)
        return rf"\sqrt{{{parts[0] if parts else ''}}}"
    if "op-limits" in classes:
        parts = _stack(source, node, depth)
        if len(parts) == 3:
            return rf"{parts[1]}_{{{parts[0]}}}^{{{parts[2]}}}"
        if parts:
            return join(parts[::-1])
    text = join([_row(source, child, depth + 1) for child in source.children(node)])
    if classes & {"mathbb", "mathbf", "mathcal", "mathfrak", "mathrm", "mathsf", "mathtt"} and text:
        command = next(c for c in classes if c.startswith("math") and c != "mathnormal")
        return rf"\{command}{{{text}}}"
    if "text" in classes and text.strip():
        return rf"\text{{{text}}}"
    return f" {text} " if "mrel" in classes and len(text) == 1 else text


def _scripts(parts: list[str], source: Source, node: int) -> str:
    if len(parts) >= 2:
        return f"_{group(parts[0])}^{group(parts[1])}"
    if not parts:
        return ""
    lower = any(
        "vlist-t2" in source.classes(i) for i in range(node + 1, min(node + 4, source.end[node]))
    )
    return f"{'_' if lower else '^'}{group(parts[0])}"


def _stack(source: Source, node: int, depth: int) -> list[str]:
    """What stands in the first stack below a node, from its lowest row up; empty rows left out."""
    for inner in range(node + 1, source.end[node]):
        if source.tag[inner] and "vlist" in source.classes(inner):
            rows = [_row(source, child, depth + 2).strip() for child in source.children(inner)]
            return [row for row in rows if row]
    return []
