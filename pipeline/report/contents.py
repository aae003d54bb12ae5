"""All figures of a report, as JSON values: what the page shows and what it embeds.

Counts come from the receipts, as for `stats`, and from scans of narrow columns. Nothing here knows
the time or the place of the reader, so the same run gives the same bytes.
"""

from pathlib import Path
from typing import Any

from pipeline.report.facts.audits import audits
from pipeline.report.facts.costs import costs
from pipeline.report.facts.duplicates import duplicates
from pipeline.report.facts.measures import histograms, pair_histograms
from pipeline.report.facts.mix import mix
from pipeline.report.facts.opened import opened
from pipeline.report.facts.provenance import provenance
from pipeline.report.facts.recalled import recalled
from pipeline.report.facts.records import quarantine, skipped, sought, spans

Contents = dict[str, Any]


def contents(run: Path) -> Contents:
    """The figures of a run, by section."""
    with opened(run) as asked:
        return {
            "provenance": provenance(asked),
            "funnel": [count.to_dict() for count in asked.funnel],
            "mix": mix(asked),
            "histograms": histograms(asked),
            "pairs": pair_histograms(asked),
            "recall": recalled(asked),
            "duplicates": duplicates(asked),
            "redacted": spans(asked, "redact"),
            "contaminated": spans(asked, "decontaminate"),
            "sought": sought(asked),
            "quarantine": quarantine(asked),
            "skipped": skipped(asked),
            "costs": costs(asked),
            "audits": audits(asked),
        }
