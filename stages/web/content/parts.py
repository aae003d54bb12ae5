"""What the elements of a page mean for content: flags by tag, inherited by all below them."""

from functools import cache

import numpy as np
import numpy.typing as npt

from stages.web.tree.elements import MATHEMATICS, NAMES, TAGS

Numbers = npt.NDArray[np.int32]

(
    NAV, HEADER, FOOTER, ASIDE, FORM, MAIN, ARTICLE, FIGURE, TABLE, LIST, CODE, HIDDEN, ARIA_HIDDEN,
    BUTTON, SKIP, FORMULA, NOSCRIPT, HEADING, BOLD, QUOTE, DETAILS, SECTION, TERMS, CAPTION,
    INNER_HEADER, INNER_FOOTER, DIALOG, BLOCK, MEDIA, PARAGRAPH,
) = (1 << bit for bit in range(30))  # fmt: skip
"""HEADER and FOOTER are the page's, INNER_ those of an article. SKIP: no text for readers. BLOCK:
starts and ends a block. MEDIA: without text and yet something (a picture, a formula as one)."""

INHERITED = ~(BLOCK | MEDIA)

_MEANINGS: dict[int, str] = {
    NAV: "nav menu",
    HEADER: "header",
    FOOTER: "footer",
    ASIDE: "aside",
    FORM: "form",
    MAIN: "main",
    ARTICLE: "article",
    FIGURE: "figure",
    TABLE: "table",
    LIST: "ul ol dir",
    CODE: "pre code xmp listing plaintext textarea samp kbd",
    BUTTON: "button label select",
    SKIP: "script style template noembed noframes iframe title option datalist audio video canvas "
    "desc head object",
    FORMULA: " ".join(("math", "mjx-container", *MATHEMATICS)),
    NOSCRIPT: "noscript",
    HEADING: "h1 h2 h3 h4 h5 h6",
    BOLD: "b strong",
    QUOTE: "blockquote",
    DETAILS: "details summary",
    SECTION: "section",
    TERMS: "dl",
    CAPTION: "figcaption caption",
    DIALOG: "dialog",
    BLOCK: "address article aside blockquote body caption center dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li "
    "listing main menu nav ol optgroup option p plaintext pre search section summary table tbody "
    "td textarea tfoot th thead tr ul xmp",
    MEDIA: " ".join(("img", "svg", "math", "mjx-container", *MATHEMATICS)),
    PARAGRAPH: "p",
}

KINDS: tuple[str, ...] = (
    "p", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "dd", "dt", "td", "th", "li",
    "figcaption", "div", "section", "article", "main", "body", "address", "label", "footer",
)  # fmt: skip
"""Tags of blocks, likeliest content first; the place in it is a feature."""


@cache
def tag_flags() -> npt.NDArray[np.int32]:
    """int32[2, tag]: flags, and the place in `KINDS` (their number for others)."""
    table = np.zeros((2, len(NAMES)), np.int32)
    for flag, names in _MEANINGS.items():
        for name in names.split():
            table[0, TAGS[name]] |= flag
    table[1] = len(KINDS)
    for place, name in enumerate(KINDS):
        table[1, TAGS[name]] = place
    return table
