"""The URL patterns that a run accepted, by target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipeline.inspection.views import View
from stages.recall.sites.url_patterns import directory_of, nearest


@dataclass(frozen=True)
class AcceptedPatterns:
    """Target → pattern → whether it was accepted; a page's deepest pattern decides."""

    decisions: Mapping[str, Mapping[str, bool]]

    @property
    def n_patterns(self) -> int:
        """Patterns accepted."""
        return sum(sum(of_target.values()) for of_target in self.decisions.values())

    def covers(self, target: str, url: str) -> bool:
        """Whether the page lies under an accepted pattern of the target."""
        found = nearest(directory_of(url), self.decisions.get(target, {}))
        return found is not None and found[1]


def accepted_patterns(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[str, View],
    iterations: Sequence[int | None],
) -> AcceptedPatterns:
    """The decisions of the iterations, a later one over an earlier one."""
    decisions: dict[str, dict[str, bool]] = {}
    for number in iterations:
        view = views.get(f"web.recall_iteration_{number}_patterns")
        if view is not None:
            rows = connection.sql(
                f"select target, pattern, accepted from {view.sql_name} where accepted is not null"
            ).fetchall()
            for target, pattern, accepted in rows:
                decisions.setdefault(target, {})[pattern] = accepted
    return AcceptedPatterns(decisions)
