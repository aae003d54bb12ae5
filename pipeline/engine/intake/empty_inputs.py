"""Inputs that gave no document: each is flagged at a run's end, with the reason; a corpus of which
nothing is left ends the run, as everything after it would be an empty success.

What a user's own choice left out (an owner, a date, an opt-out list) is no surprise and is not
flagged.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.engine.work.source import EMPTY
from pipeline.storage.receipts import Receipt
from stages.errors import InputError
from stages.github.selection import CHOICES

MAX_SHOWN = 10


def empty_inputs(documents: Iterable[Receipt]) -> list[str]:
    """A line for each input that gave nothing although it was wanted, the first few of them."""
    return _few(
        _line(one)
        for one in _empty(documents)
        if "error" in one[EMPTY] or not set(one[EMPTY]["skipped"]) & CHOICES
    )


def require_documents(corpus: str, documents: Mapping[str, Receipt]) -> None:
    """InputError if a corpus has inputs and not one document."""
    receipts = documents.values()
    if receipts and not any(receipt.rows for receipt in receipts):
        n_inputs = sum(len(receipt.summary["inputs"]) for receipt in receipts)
        if n_inputs == 0:
            raise InputError(f"{corpus}.documents: no event is part of a discussion that is wanted")
        which = f"none of the {n_inputs} inputs" if n_inputs > 1 else "the input"
        reasons = "; ".join(_few(map(_line, _empty(receipts))))
        not_one = "gave a document" if n_inputs > 1 else "gave no document"
        raise InputError(f"{corpus}.documents: {which} {not_one}: {reasons}")


def _empty(documents: Iterable[Receipt]) -> Iterator[Mapping[str, Any]]:
    return (one for receipt in documents for one in receipt.summary["inputs"] if EMPTY in one)


def _line(one: Mapping[str, Any]) -> str:
    why = one[EMPTY]
    skipped = ", ".join(f"skipped {reason} {n:,}" for reason, n in why["skipped"].items())
    reasons = [text for text in (why.get("error"), skipped) if text]
    return f"{one['name']}: {'; '.join(reasons) or 'it holds no records'}"


def _few(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    more = len(found) - MAX_SHOWN
    return [*found[:MAX_SHOWN], *([f"and {more:,} more inputs"] if more > 0 else [])]
