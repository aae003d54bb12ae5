"""When a domain is a target's and a pattern accepted, and how sure a share of few pages is.

The paper's bare rule (DeepSeekMath, arXiv 2402.03300 section 2.1) is a share of over a tenth; a
minimum count and the lower end of Wilson's interval guard it where domains are small.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

Z95 = 1.959964


@dataclass(frozen=True)
class PatternRules:
    """Which domains are a target's, which patterns are proposed, which accepted unattended."""

    domain_share: float
    domain_pages: int
    domain_bound: bool
    pattern_share: float
    pattern_pages: int
    by_rule: bool

    def are_domains(
        self, n_pages: npt.NDArray[np.int64], n_recalled: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """`is_domain` of each."""
        pairs = zip(n_pages.tolist(), n_recalled.tolist(), strict=True)
        return np.array([self.is_domain(*pair) for pair in pairs], bool)

    def is_domain(self, n_pages: int, n_recalled: int) -> bool:
        """Whether so many recalled pages make a domain the target's."""
        share = n_recalled / n_pages
        if self.domain_bound:
            share = wilson(n_recalled, n_pages)[0]
        return n_pages >= self.domain_pages and share > self.domain_share


def wilson(n_hits: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = n_hits / n, Z95 * Z95
    middle = share + z2 / (2 * n)
    half = Z95 * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
