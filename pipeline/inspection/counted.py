"""Numbers of things and their shares, in words for people."""


def counted(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`: the noun in the singular takes an s, its last word does."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def share(part: float, whole: float) -> str:
    """A percentage, with so many digits that little is not nothing."""
    if not whole:
        return "–"
    value = 100 * part / whole
    if value in {0, 100}:
        return f"{value:.0f} %"
    if value < 0.1:
        return "< 0.1 %"
    return f"{min(value, 99.9):.1f} %"


def column_share(part: float, whole: float) -> str:
    """The same for a column: one digit throughout."""
    if not whole:
        return "–"
    some = min(max(part / whole, 0.001), 0.999) if 0 < part < whole else part / whole
    return f"{'<' if 0 < part / whole < 0.001 else ''}{some:.1%}"
