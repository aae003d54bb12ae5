"""What recall writes beside each page."""

from collections.abc import Iterable

import pyarrow as pa

from schemas.columns import TWENTIETHS, column

NATURAL = "natural"
"""The target of a page that was not recalled but drawn for the natural-language share."""


def recall_measures(targets: Iterable[str]) -> pa.Schema:
    """One calibrated score per target, then what follows from them."""
    return pa.schema(
        [
            *(
                column(
                    f"score_{target}",
                    pa.float64(),
                    f"probability of {target}, last accepted iteration",
                    histogram=TWENTIETHS,
                )
                for target in targets
            ),
            column("recalled", pa.list_(pa.string()), "targets whose threshold the page passes"),
            column("target", pa.string(), "the shard set's target: highest margin, or natural"),
            column("iteration", pa.int32(), "first accepted iteration in which the page passed"),
        ]
    )
