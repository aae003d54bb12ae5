"""Two inputs must not be one repository: its documents would be in the corpus twice, under the
same doc_ids. Names do not always tell, so each is asked once more when it has been read, before
what was read counts.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.storage.receipts import Receipt
from stages.errors import InputError


class Identities:
    """Identity → the input that has it, of one corpus."""

    def __init__(self, corpus: str) -> None:
        self._corpus = corpus
        self._owners: dict[str, str] | None = None

    def admit(self, summary: Mapping[str, Any], made: Mapping[str, Receipt]) -> None:
        """InputError if an input that was just read is one of those that are there."""
        if self._owners is None:
            self.require_distinct(made.values())
        self._add(summary)

    def require_distinct(self, made: Iterable[Receipt]) -> None:
        """InputError if two inputs that are there are the same."""
        self._owners = {}
        for receipt in made:
            self._add(receipt.summary)

    def _add(self, summary: Mapping[str, Any]) -> None:
        assert self._owners is not None
        for identity, uri in summary.get("identities", ()):
            if identity in self._owners:
                raise InputError(
                    f"{self._corpus}.inputs: {self._owners[identity]} and {uri} are both "
                    f"{identity}; name one in {self._corpus}.drop, or tell them apart in "
                    "github.metadata"
                )
            self._owners[identity] = uri
