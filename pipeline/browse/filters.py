"""Which documents are looked at: a stage, its verdict, and what else a person asks for."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

KEPT, DROPPED, ANY = "kept", "dropped", "any"
UNKNOWN = "(unknown)"
"""The language of a document of which nothing is known."""
MAX_TEXT = 300


@dataclass(frozen=True)
class Filters:
    """Documents that a stage judged, by verdict, language, domain or repository, and a measure."""

    stage: str
    verdict: str = ANY
    """`kept`, `dropped`, `any`, or a reason."""
    language: str = ""
    domain: str = ""
    """Part of a domain's or a repository's name."""
    measure: str = ""
    """`stage.column`, such as `recall.score_code`."""
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filters":
        """What an address or a form says."""
        return cls(
            stage=query.get("stage", ""),
            verdict=query.get("verdict", "") or ANY,
            language=query.get("language", ""),
            domain=query.get("domain", "").strip()[:MAX_TEXT],
            measure=query.get("measure", ""),
            low=_number(query.get("low", "")),
            high=_number(query.get("high", "")),
        )

    def query(self) -> dict[str, Any]:
        """As the parameters of an address: those that say something."""
        said = {name: value for name, value in asdict(self).items() if value not in ("", None)}
        return said if self.verdict != ANY else {k: v for k, v in said.items() if k != "verdict"}

    @property
    def is_narrow(self) -> bool:
        """Whether it chooses among the documents of a verdict, so that judgements on them say
        nothing of the others."""
        return bool(self.language or self.domain or (self.measure and self.has_band))

    @property
    def has_band(self) -> bool:
        """Whether the measure has a bound."""
        return self.low is not None or self.high is not None

    def counts(self, reason: str | None, language: str | None = None) -> bool:
        """Whether documents of this verdict, and of this language if one is asked for, may be
        among them."""
        if self.language and (language or UNKNOWN) != self.language:
            return False
        if self.verdict == KEPT:
            return reason is None
        return reason is not None if self.verdict == DROPPED else self.verdict in (ANY, reason)

    def mask(self, rows: pa.RecordBatch) -> pa.Array:
        """Whether each row is one of them. Columns: `keep`, `reason`, and where they are asked
        for `language`, `other`, `place`, `measure`."""
        names = rows.schema.names
        keep = rows.column("keep")
        found = pc.is_valid(keep)
        if self.verdict == KEPT:
            found = pc.fill_null(keep, False)
        elif self.verdict == DROPPED:
            found = pc.fill_null(pc.invert(keep), False)
        elif self.verdict != ANY:
            found = pc.and_(found, _equal(rows.column("reason"), self.verdict))
        if self.language and "language" in names:
            language = rows.column("language").cast(pa.string())
            if "other" in names:
                language = pc.coalesce(language, rows.column("other").cast(pa.string()))
            found = pc.and_(found, _equal(pc.fill_null(language, UNKNOWN), self.language))
        if self.domain and "place" in names:
            place = rows.column("place")
            inside = pc.match_substring(place, self.domain, ignore_case=True)
            found = pc.and_(found, pc.fill_null(inside, False))
        if self.has_band and "measure" in names:
            measure = rows.column("measure").cast(pa.float64())
            if self.low is not None:
                found = pc.and_(found, pc.fill_null(pc.greater_equal(measure, self.low), False))
            if self.high is not None:
                found = pc.and_(found, pc.fill_null(pc.less_equal(measure, self.high), False))
        return found


def _equal(values: pa.Array, text: str) -> pa.Array:
    return pc.fill_null(pc.equal(values.cast(pa.string()), text), False)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
