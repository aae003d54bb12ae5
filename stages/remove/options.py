"""Options of the stage that takes documents out: nothing that a configuration sets."""

from collections.abc import Mapping

from pydantic import Field

from stages.contract import Options


class RemoveOptions(Options):
    """What is to be taken out, from the run folder's `removals.parquet`."""

    removed: Mapping[str, bytes] = Field(
        {},
        exclude=True,
        description="key (uri, repo, domain, doc_id) → digests of its values, one after another; "
        "set by the pipeline",
    )
    content: str = Field(
        "", exclude=True, description="hash of what is to be taken out; set by the pipeline"
    )
