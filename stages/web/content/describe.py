"""Blocks as rows of numbers for the scorer: their own, their containers', their neighbours'."""

from collections.abc import Callable

import numpy as np

from stages.kernels.compiling import entry, int64, kernel, pointer
from stages.web.content.count import (
    BOLD_WORDS,
    BUTTON_WORDS,
    CAPITALS,
    CODE_WORDS,
    COMMAS,
    DIGITS,
    ELEMENT,
    FLAGS,
    LINK_WORDS,
    N_BREAKS,
    N_COLUMNS,
    N_FORMULAS,
    N_LETTERS,
    N_LINKS,
    N_MEDIA,
    N_WORDS,
    OPEN_END,
    STOPS,
)  # isort: skip  # fmt: skip
from stages.web.content.gather import (
    BLOCKS,
    COUNT,
    GROUP,
    LINKED,
    N_GROUP,
    PROSE,
    SIZE,
    TWINS,
    WORDS,
    Described,
    Matrix,
    fill_below,
    fill_groups,
    find_larger,
    is_prose,
    main_container,
)  # isort: skip  # fmt: skip
from stages.web.content.inherit import (
    N_STATE,
    S_DEPTH,
    S_ID,
    S_LISTS,
    S_MAX,
    S_MIN,
    S_NEAR,
    S_SUM,
    S_TABLES,
)  # isort: skip  # fmt: skip
from stages.web.content.page import STAMP, Arrays, Page, opened
from stages.web.content.parts import (
    ARIA_HIDDEN,
    ARTICLE,
    ASIDE,
    DETAILS,
    DIALOG,
    FIGURE,
    FOOTER,
    FORM,
    HEADER,
    HEADING,
    HIDDEN,
    INNER_FOOTER,
    INNER_HEADER,
    MAIN,
    NAV,
    NOSCRIPT,
    PARAGRAPH,
    QUOTE,
    SECTION,
    TERMS,
    Numbers,
)  # isort: skip  # fmt: skip
from stages.web.content.scan import Scan
from stages.web.tree.elements import TAGS

_FLAGS = (
    NAV, HEADER, FOOTER, ASIDE, FORM, MAIN, ARTICLE, FIGURE, HIDDEN, ARIA_HIDDEN, NOSCRIPT, QUOTE,
     DETAILS, SECTION, TERMS, INNER_HEADER, INNER_FOOTER, DIALOG, PARAGRAPH,
)  # fmt: skip
_BITS = np.array([flag.bit_length() - 1 for flag in _FLAGS], np.int32)
N_OWN = 24
N_CONTAINER = 5
N_CONTAINERS = 3
N_AROUND = 3
N_PLACE = 9
N_PAGE = 8
N_FLAGS = len(_FLAGS)
FIRST_CONTAINER = N_OWN + N_FLAGS
FIRST_AROUND = FIRST_CONTAINER + N_CONTAINER * N_CONTAINERS
FIRST_PLACE = FIRST_AROUND + 4 * N_AROUND
FIRST_PAGE = FIRST_PLACE + N_PLACE
N_FEATURES = FIRST_PAGE + N_PAGE
N_CONTEXT = 15
"""Columns that `context` fills from what the first forest said."""
N_ALL = N_FEATURES + N_CONTEXT

_H1 = TAGS["h1"]


def describe(page: Arrays, found: Scan) -> tuple[Matrix, Numbers, Numbers]:
    """float32[n_blocks, N_ALL], of which N_FEATURES are filled; int32[n_nodes]: for every
    block-level element the nearest ancestor that has more words; int32[n_blocks]: numbers of
    groups."""
    n_blocks, n_nodes = len(found.blocks), len(found.block)
    features = np.zeros((n_blocks, N_ALL), np.float32)
    larger, groups = np.zeros(n_nodes, np.int32), np.zeros((n_blocks, N_GROUP), np.int32)
    size = 64 << max(0, (2 * n_blocks - 1).bit_length() - 6)
    _describe(
        page, found.blocks, found.state, found.kind, features, larger, groups,
        np.zeros((n_nodes, 4), np.int32), np.zeros((2 * size, 3), np.int32),
        np.zeros((n_blocks, 2), np.int32), _BITS,
    )  # fmt: skip
    return features, larger, groups[:, GROUP].copy()


def _compiled(stamp: int) -> Callable[..., None]:
    def describe_blocks(
        page: Arrays, blocks: Numbers, state: Numbers, kind: int, features: Matrix, larger: Numbers,
        groups: Numbers, below: Numbers, table: Numbers, places: Numbers, bits: Numbers,
    ) -> None:  # fmt: skip
        p = opened(page)
        d = Described(
            n=len(blocks),
            kind=kind,
            blocks=pointer(blocks, 0),
            state=pointer(state, 0),
            features=pointer(features, 0),
            below=pointer(below, 0),
            larger=pointer(larger, 0),
            groups=pointer(groups, 0),
            table=pointer(table, 0),
            size=(len(table) + (stamp & 1)) // 2,
            places=pointer(places, 0),
            bits=pointer(bits, 0),
        )
        fill_below(p, d)
        find_larger(p, d)
        fill_groups(p, d)
        if d.n > 0:
            _place_blocks(p, d)
            _describe_page(d)
            _describe_around(d)

    return entry(describe_blocks)


@kernel
def _place_blocks(p: Page, d: Described) -> None:
    """What a block tells by itself, by its containers and by its place in the page."""
    main = main_container(p, d)
    main_end = p.end[main]
    total = _at_least_1(d.below[WORDS])
    before, prose_before, heading, top = 0, 0, -1, -1
    for index in range(d.n):
        b = N_COLUMNS * index
        row = N_ALL * index
        element = d.blocks[b + ELEMENT]
        flags = d.blocks[b + FLAGS]
        _describe_own(p, d, b, row)
        place = element
        at = row + FIRST_CONTAINER
        for _ in range(N_CONTAINERS):
            place = d.larger[place]
            words = d.below[4 * place + WORDS]
            inside = _at_least_1(words)
            d.features[at] = words
            d.features[at + 1] = d.below[4 * place + LINKED] / inside
            d.features[at + 2] = inside / _at_least_1(d.below[4 * place + BLOCKS])
            d.features[at + 3] = d.below[4 * place + PROSE] / inside
            d.features[at + 4] = d.state[N_STATE * place + S_NEAR]
            at += N_CONTAINER
        if p.tag[element] == _H1:
            top = before
        if flags & HEADING:
            heading = before
        group = N_GROUP * index
        at = row + FIRST_PLACE
        d.features[at] = before / total
        d.features[at + 1] = before - heading if heading >= 0 else -1
        d.features[at + 2] = before - top if top >= 0 else -1
        d.features[at + 3] = main <= element < main_end
        d.features[at + 4] = (prose_before + 1) / (d.below[PROSE] + 1)
        d.features[at + 5] = d.groups[group + COUNT]
        d.features[at + 6] = d.groups[group + SIZE] / _at_least_1(d.groups[group + COUNT])
        d.features[at + 7] = d.groups[group + TWINS]
        d.features[at + 8] = d.below[4 * place + WORDS] / total
        before += d.blocks[b + N_WORDS]
        if is_prose(d.blocks, b):
            prose_before += d.blocks[b + N_WORDS]


@kernel
def _at_least_1(number: int) -> int:
    return int64(number) if number > 1 else 1


@kernel
def _describe_own(p: Page, d: Described, b: int, row: int) -> None:
    """What a block tells by itself."""
    blocks, features = d.blocks, d.features
    n_words, element = blocks[b + N_WORDS], blocks[b + ELEMENT]
    words = _at_least_1(n_words)
    features[row] = n_words
    features[row + 1] = blocks[b + LINK_WORDS] / words
    features[row + 2] = p.kinds[p.tag[element]]
    features[row + 3] = blocks[b + N_LETTERS] / words
    features[row + 4] = blocks[b + COMMAS] / words
    features[row + 5] = blocks[b + STOPS] / words
    features[row + 6] = blocks[b + OPEN_END]
    features[row + 7] = blocks[b + DIGITS] / _at_least_1(blocks[b + N_LETTERS])
    features[row + 8] = blocks[b + CAPITALS] / words
    features[row + 9] = blocks[b + N_LINKS] / words
    features[row + 10] = blocks[b + BUTTON_WORDS] / words
    features[row + 11] = blocks[b + BOLD_WORDS] / words
    features[row + 12] = blocks[b + CODE_WORDS] / words
    features[row + 13] = blocks[b + N_MEDIA]
    features[row + 14] = blocks[b + N_FORMULAS]
    features[row + 15] = blocks[b + N_BREAKS]
    state = N_STATE * element
    features[row + 16] = d.state[state + S_DEPTH]
    features[row + 17] = d.state[state + S_LISTS]
    features[row + 18] = d.state[state + S_TABLES]
    features[row + 19] = d.state[state + S_SUM]
    features[row + 20] = d.state[state + S_MIN]
    features[row + 21] = d.state[state + S_MAX]
    features[row + 22] = d.state[state + S_NEAR]
    features[row + 23] = d.state[state + S_ID]
    for place in range(N_FLAGS):
        features[row + N_OWN + place] = blocks[b + FLAGS] >> d.bits[place] & 1


@kernel
def _describe_page(d: Described) -> None:
    """What all blocks of a page share."""
    total = _at_least_1(d.below[WORDS])
    code, in_main, in_article = 0, 0, 0
    for index in range(d.n):
        b = N_COLUMNS * index
        code += d.blocks[b + CODE_WORDS]
        if d.blocks[b + FLAGS] & MAIN:
            in_main += d.blocks[b + N_WORDS]
        if d.blocks[b + FLAGS] & ARTICLE:
            in_article += d.blocks[b + N_WORDS]
    page = d.features
    page[FIRST_PAGE] = d.below[WORDS]
    page[FIRST_PAGE + 1] = d.below[LINKED] / total
    page[FIRST_PAGE + 2] = total / _at_least_1(d.below[BLOCKS])
    page[FIRST_PAGE + 3] = d.below[PROSE] / total
    page[FIRST_PAGE + 4] = d.kind
    page[FIRST_PAGE + 5] = code / total
    page[FIRST_PAGE + 6] = in_main / total
    page[FIRST_PAGE + 7] = in_article / total
    for index in range(1, d.n):
        for column in range(FIRST_PAGE, N_FEATURES):
            page[N_ALL * index + column] = page[column]


@kernel
def _describe_around(d: Described) -> None:
    """The words, links and tag of the two blocks before and the two behind."""
    for index in range(d.n):
        at = N_ALL * index + FIRST_AROUND
        for step in range(-2, 3):
            if step == 0:
                continue
            other = index + step
            if other < 0 or other >= d.n:
                d.features[at] = -1
            else:
                for column in range(N_AROUND):
                    d.features[at + column] = d.features[N_ALL * other + column]
            at += N_AROUND


_describe = _compiled(STAMP)
