"""URL patterns that a run accepted: a host, or a host and the beginning of a path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from pipeline.inspection.views import View


@dataclass(frozen=True)
class AcceptedPatterns:
    """(target, pattern) → whether it was accepted; the longest pattern of a page decides."""

    decisions: Mapping[tuple[str, str], bool]

    @property
    def n_patterns(self) -> int:
        """Patterns accepted."""
        return sum(self.decisions.values())

    def covers(self, target: str, url: str) -> bool:
        """Whether the page lies under an accepted pattern of the target."""
        decided = False
        for pattern in prefixes(url):
            decided = self.decisions.get((target, pattern), decided)
        return decided


def accepted_patterns(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[str, View],
    iterations: Sequence[int | None],
) -> AcceptedPatterns:
    """The decisions of the iterations, a later one over an earlier one."""
    decisions: dict[tuple[str, str], bool] = {}
    for number in iterations:
        view = views.get(f"web.recall_iteration_{number}_patterns")
        if view is not None:
            rows = connection.sql(
                f"select target, pattern, accepted from {view.sql_name} where accepted is not null"
            ).fetchall()
            decisions.update({(target, pattern): accepted for target, pattern, accepted in rows})
    return AcceptedPatterns(decisions)


def prefixes(url: str) -> Iterator[str]:
    """The host, then the host with each longer part of the path, to its last slash."""
    place = url.partition("://")[2].partition("?")[0]
    host, slash, path = place.partition("/")
    yield host
    if slash:
        yield f"{host}/"
    at = f"{host}/"
    for part in path.split("/")[:-1]:
        at += f"{part}/"
        yield at
