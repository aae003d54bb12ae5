"""Hours of GH Archive in a folder, and a run over them."""

import pyarrow.dataset as ds

from pipeline.configuration import load
from pipeline.run import run
from tests.stages.github.gharchive.feed import hour

CAT, DOG, OWL = (1, "octo/cat"), (2, "octo/dog"), (3, "night/owl")


def day(n, hour=12, minute=0):
    return f"2020-05-{n:02d}T{hour:02d}:{minute:02d}:00Z"


def config(folder, *more, inputs=None):
    given = inputs or [str(folder / "*.json.gz")]
    return load(None, [f"github.inputs={given}", *more], folder / "run")


def documents(folder, *more, **kwargs):
    """URI → row, of the discussions of a folder's hours."""
    made = config(folder, *more, **kwargs)
    run(made, address="local", stages=["github.documents"])
    return {row["uri"]: row for row in table(folder, "github/documents")}


def table(folder, name):
    files = sorted((folder / "run" / name).glob("*.parquet"))
    return [row for file in files for row in ds.dataset(file).to_table().to_pylist()]


def write_hours(folder, *hours, first=0):
    """Hours of one day, each a list of events."""
    for number, rows in enumerate(hours, first):
        (folder / f"2020-05-01-{number}.json.gz").write_bytes(hour(*rows))
