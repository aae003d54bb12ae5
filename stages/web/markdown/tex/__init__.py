"""Formulas, in whatever markup a page has them, as TeX."""
