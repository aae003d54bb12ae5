"""Which patterns a person looks at, or decides at once: a filter and an order."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.annotate.pattern_table import ACCEPTED, OPEN, REJECTED, Answers, PatternTable, Places

STATES = {"open": OPEN, "accepted": ACCEPTED, "rejected": REJECTED}
ANY = "any"
SORTS = ("pages", "recalled", "rate", "name")
MAX_DIGITS = 12
PERCENT = 100


@dataclass(frozen=True)
class Selection:
    """Patterns in a state, with a text, so many pages, and a hit rate between two bounds."""

    state: str = "open"
    text: str = ""
    pages: int = 0
    """At least so many."""
    low: int = 0
    high: int = PERCENT
    """Of the hit rate, in per cent; both count."""
    sort: str = "pages"

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Selection":
        """What an address or a form says; what makes no sense is left out."""
        state, sort = query.get("state", cls.state), query.get("sort", cls.sort)
        return cls(
            state=state if state in (*STATES, ANY) else cls.state,
            text=query.get("text", "").strip(),
            pages=_number(query.get("pages", ""), 0),
            low=min(_number(query.get("low", ""), 0), PERCENT),
            high=min(_number(query.get("high", ""), PERCENT), PERCENT),
            sort=sort if sort in SORTS else cls.sort,
        )

    def query(self, **changed: Any) -> dict[str, Any]:
        """As the parameters of an address: what differs from the default."""
        default = asdict(Selection())
        return {
            name: value
            for name, value in (asdict(self) | changed).items()
            if name not in default or value != default[name]
        }

    def __str__(self) -> str:
        """For people: the filter."""
        parts = [] if self.state == ANY else [self.state]
        parts += [f"with {self.text!r}"] if self.text else []
        parts += [f"of {self.pages:,} pages or more"] if self.pages else []
        if (self.low, self.high) != (0, PERCENT):
            parts.append(f"with a hit rate of {self.low} to {self.high} %")
        return ", ".join(parts) or "all"

    def chosen(self, table: PatternTable, answers: Answers) -> npt.NDArray[np.bool_]:
        """[n]: whether each pattern is one of these."""
        rates = table.hit_rates * PERCENT
        found: npt.NDArray[np.bool_] = table.n_pages >= self.pages
        found &= (rates >= self.low) & (rates <= self.high)
        if self.state in STATES:
            found &= answers == STATES[self.state]
        if self.text:
            found &= np.fromiter((self.text in one for one in table.texts), bool, len(table))
        return found

    def ordered(self, table: PatternTable, chosen: npt.NDArray[np.bool_]) -> Places:
        """Their places, the largest first; those that are equal by name."""
        places = np.flatnonzero(chosen)
        keys: dict[str, npt.NDArray[Any]] = {
            "pages": table.n_pages,
            "recalled": table.n_recalled,
            "rate": table.hit_rates,
        }
        if self.sort not in keys:
            return places
        return places[np.argsort(-keys[self.sort][places], kind="stable")]


def _number(text: str, default: int) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
    return int(text) if is_number else default
