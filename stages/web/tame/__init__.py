"""Markup made harmless, so that a parser's work is linear in a page's bytes.

A parser that repairs markup as browsers do climbs the stack of open elements at every tag, opens
unclosed `<b>` anew in every paragraph, compares attributes and options pairwise: a page of 100 kB
costs it minutes or gigabytes. `tame` reads the page once, by the same rules of tokens, and writes
it again: every element closed in its place, at most `MAX_DEPTH` levels, `MAX_NODES` elements and
attributes, few formatting elements and lists within one another. What a reader never sees is gone:
comments, scripts (but formulas), styles, templates, options. The text stays, whatever becomes of
the markup around it; a sound page comes out with the tree it had.

Nothing of the page's own syntax is copied, only plain names, and values and text with `<` and `"`
escaped: the parser sees the tags that are written here and no others. The code points that markers
are made of (`page.RESERVED`) come out neither as such nor as character references.

- `elements`: the table of HTML's elements
- `tokens`: where tags, attributes and comments begin and end
- `page`: the page that is read, the page that is written
- `stack`: the elements that are open, and what closes them
- `tags`: what each tag does
"""

from stages.web.tame.page import MAX_NODES, RESERVED
from stages.web.tame.stack import MAX_DEPTH
from stages.web.tame.tags import FORMULA_TAG, tame

__all__ = ["FORMULA_TAG", "MAX_DEPTH", "MAX_NODES", "RESERVED", "tame"]
