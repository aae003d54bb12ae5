"""A tree and the tables that say what its parts mean, as kernels take them."""

from typing import NamedTuple

from stages.kernels.arrow import Bytes
from stages.web.content.parts import Numbers
from stages.web.content.words import WordTable


class Page(NamedTuple):
    """A tree's arrays and the tables, as kernels take them."""

    html: Bytes
    tag: Numbers
    parent: Numbers
    end: Numbers
    first: Numbers
    last: Numbers
    attributes: Numbers
    text: Bytes
    flags: Numbers
    words: WordTable
