"""What the log says of how sure the iteration is that stands: seeds of few sites are few
observations, however many pages they have, and what a loop makes of them on other sites is luck.
"""

import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger("sluice.found")
"""What a stage says of what it made; a plan, which makes nothing, leaves it out."""

WIDE = 0.2
"""Width of the interval of held-out F1 from which the log warns."""


def say_certainty(corpus: str, found: Mapping[str, Any] | None) -> None:
    """Log each target's held-out F1 with its interval; warn where that is wide."""
    for target, entry in (found["targets"] if found else {}).items():
        held_out = entry["held_out"]
        low, high = held_out["f1_low"], held_out["f1_high"]
        unsure = high - low > WIDE
        log.log(
            logging.WARNING if unsure else logging.INFO,
            "%s.recall: iteration %d: the F1 of %s on domains it did not learn from is %.2f, with "
            "the %d domains of its positives drawn anew %.2f to %.2f%s",
            corpus,
            found["iteration"] if found else 0,
            target,
            held_out["f1"],
            held_out["n_domains"],
            low,
            high,
            ": add seeds of other sites" if unsure else "",
        )
