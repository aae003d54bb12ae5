"""When a domain is a target's and a pattern accepted.

The paper's rule (DeepSeekMath, arXiv 2402.03300 section 2.1) is a share of over a tenth. A minimum
of pages, or the lower end of the share's interval, changes nothing over domains left out: patterns
have a minimum of their own.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class PatternRules:
    """Which domains are a target's, which patterns are proposed, which accepted unattended."""

    domain_share: float
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
        return n_recalled / n_pages > self.domain_share
