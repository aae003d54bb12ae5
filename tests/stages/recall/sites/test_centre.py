"""Where a crawl's scores part."""

import json

import numpy as np
import pyarrow as pa
import pytest

from schemas.identity import doc_id
from stages.recall.classifier.evidence import CLIP
from stages.recall.sites.centre import (
    BINS_PER_UNIT,
    N_BINS,
    CountLogOdds,
    FindCentres,
    centre_of,
)
from stages.recall.sites.directories import page_rows

ONE_BIN = 1 / BINS_PER_UNIT


def histogram(log_odds):
    """Counts of log-odds in bins."""
    return np.histogram(log_odds, bins=N_BINS, range=(-CLIP, CLIP))[0]


def midway(log_odds):
    """The fixed point, by the definition, on the numbers themselves."""
    centre = 0.0
    for _ in range(1000):
        above = log_odds >= centre
        centre = max(0.0, (log_odds[above].mean() + log_odds[~above].mean()) / 2)
    return centre


@pytest.mark.parametrize("n_positive", [5, 100, 5000])
def test_the_centre_lies_midway_between_the_groups(n_positive):
    """However few the pages of a target are."""
    random = np.random.default_rng(0)
    log_odds = np.concatenate([random.normal(-1.5, 0.5, 5000), random.normal(3, 0.3, n_positive)])
    centre = centre_of(histogram(log_odds))
    assert centre == pytest.approx(midway(np.clip(log_odds, -CLIP, CLIP)), abs=2 * ONE_BIN)
    assert 0.5 < centre < 1.0


def test_the_centre_never_goes_down():
    """A crawl without a page of the target has one group, which nothing parts; pages all on one
    side move nothing."""
    random = np.random.default_rng(1)
    assert centre_of(histogram(random.normal(-2, 0.8, 5000))) == 0.0
    assert centre_of(histogram(random.normal(-3, 0.1, 50))) == 0.0
    assert centre_of(histogram(random.normal(3, 0.1, 50))) == 0.0
    assert centre_of(np.zeros(N_BINS, np.int64)) == 0.0


def test_partitions_add_up(even_model):
    """The centre of a crawl in one partition is that of the same crawl in several."""
    urls = [f"http://x.s{n // 5}.org/p/{n}" for n in range(200)]
    values = np.where(np.arange(200) // 5 % 4 == 0, 3.5, -1.0)
    schema = page_rows(("code",))
    rows = pa.record_batch(
        [
            pa.array([0] * 200, pa.int32()),
            pa.array(range(200), pa.int64()),
            pa.array([doc_id(url) for url in urls], pa.binary(16)),
            pa.array([f"s{n // 5}.org" for n in range(200)]),
            pa.array(urls),
            pa.array([100] * 200, pa.int32()),
            pa.array(values),
            pa.nulls(200, pa.int32()),
        ],
        schema=schema,
    )
    step = CountLogOdds(("code",), ((even_model,),), 2.0, 4)
    whole = FindCentres(("code",))(step(iter([rows])))
    parts = [batch for n in range(4) for batch in step(iter([rows.slice(n * 50, 50)]))]
    assert FindCentres(("code",))(iter(parts)) == whole
    assert 0.3 < json.loads(whole)["code"] < 2.0
    assert json.loads(FindCentres(("code", "math"))())["math"] == 0.0
