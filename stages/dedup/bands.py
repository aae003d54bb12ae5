"""How a signature is cut into bands.

Two documents are candidates when all rows of one band agree, which happens with probability
1 - (1 - s^r)^b at similarity s. Candidates are verified, so false ones cost time and nothing
else, and the cut is made for recall.
"""

from schemas.dedup import N_PERMUTATIONS
from stages.errors import ConfigError

MIN_RECALL = 0.99
"""Least probability with which a pair at the threshold itself becomes a candidate."""

STORED_THRESHOLD = 0.85
"""Candidates are found and verified down to here even if the threshold is higher, so that moving
it between this and 1 repeats nothing but the decision."""


def candidate_probability(similarity: float, n_bands: int, rows_per_band: int) -> float:
    """The probability that two documents of this similarity share a band."""
    return 1.0 - (1.0 - similarity**rows_per_band) ** n_bands


def choose_bands(threshold: float) -> tuple[int, int]:
    """Bands and rows per band: the most rows for which a pair at `threshold` is found with
    probability `MIN_RECALL` or more. At 0.85: 25 bands of 10 rows (0.996)."""
    for rows_per_band in range(N_PERMUTATIONS, 0, -1):
        n_bands = N_PERMUTATIONS // rows_per_band
        if candidate_probability(threshold, n_bands, rows_per_band) >= MIN_RECALL:
            return n_bands, rows_per_band
    raise ConfigError(
        f"dedup.threshold = {threshold}: too low for {N_PERMUTATIONS} permutations to find"
        f" {MIN_RECALL:.0%} of the pairs; use 0.1 or more"
    )


def stored_threshold(threshold: float) -> float:
    """The similarity down to which pairs are found and verified."""
    return min(threshold, STORED_THRESHOLD)
