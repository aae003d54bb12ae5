"""Precision against recall: every point counted by brute force, and drawn."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.recall.curve import N_POINTS, Curve, curve
from pipeline.recall.iterations import RECALLS, Stand, rank
from pipeline.recall.plot import SIDE, draw_curves

SVG = "{http://www.w3.org/2000/svg}"
PAGES = st.lists(
    st.tuples(st.sampled_from([-np.inf, 0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), st.booleans())
)


def counted(scores: np.ndarray, positive: np.ndarray, threshold: float) -> tuple[float, float]:
    """Precision and recall of the pages from a threshold on, one page at a time."""
    taken = [
        is_positive
        for score, is_positive in zip(scores, positive, strict=True)
        if score >= threshold
    ]
    return sum(taken) / len(taken), sum(taken) / sum(positive)


@given(PAGES, st.sampled_from([0.0, 0.3, 0.5, 0.95, 1.0]))
def test_every_point_is_exact(pages: list[tuple[float, bool]], threshold: float) -> None:
    """All thresholds of a small table stay; the one in force is that of the pages it passes."""
    scores = np.array([score for score, _ in pages])
    positive = np.array([flag for _, flag in pages], bool)
    found = curve(scores, positive, threshold, RECALLS)
    if not positive.any() or not np.isfinite(scores).any():
        assert found == Curve((), None)
        return
    for one in found.points:
        assert (one.precision, one.recall) == counted(scores, positive, one.threshold)
    if (scores >= threshold).any():
        assert found.used is not None
        assert (found.used.precision, found.used.recall) == counted(scores, positive, threshold)
    else:
        assert found.used is None
    for recall in RECALLS:
        every = [counted(scores, positive, one) for one in set(scores) - {-np.inf}]
        expected = max((p for p, r in every if r >= recall), default=None)
        assert found.precision_at(recall) == expected


def random_pages(n: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    positive = random.random(n) < 0.2
    return 1 / (1 + np.exp(-random.normal(np.where(positive, 1.0, -1.0), 1.0))), positive


def test_a_thinned_curve_keeps_what_is_asked_of_it() -> None:
    """Of 20,000 thresholds some 200 stay, evenly; tabled precisions and the best F1 are exact."""
    scores, positive = random_pages(20_000)
    found = curve(scores, positive, 0.5, RECALLS)
    assert len(found.points) <= N_POINTS + 3 + len(RECALLS) + 1
    thresholds = [one.threshold for one in found.points]
    assert thresholds == sorted(thresholds, reverse=True)
    recalls = np.array([one.recall for one in found.points])
    assert np.diff(recalls, prepend=0, append=1).max() < 2 / N_POINTS
    full = curve(scores, positive, 0.5, np.linspace(0, 1, 5001)[1:])
    assert len(full.points) > 1_000
    assert [found.precision_at(one) for one in RECALLS] == [
        full.precision_at(one) for one in RECALLS
    ]
    f1 = max(
        2 * one.precision * one.recall / (one.precision + one.recall)
        for one in found.points
        if one.recall
    )
    assert f1 == pytest.approx(rank(scores, positive).best_f1)


def test_the_picture_shows_every_curve_and_threshold() -> None:
    """Well-formed; a line and a dot for each iteration and target, named for those who do not see
    them; the dot is where the threshold is."""
    scores, positive = random_pages(500)
    curves = {name: curve(scores, positive, 0.5) for name in ("code", "math")}
    stands = [Stand(number, True, [], {}, curves) for number in (1, 2)]
    root = ElementTree.fromstring(draw_curves([*stands, Stand(None, True, [], {}, curves)]))
    assert (root.tag, root.get("role")) == (f"{SVG}svg", "img")
    named = [root.find(f"{SVG}{tag}") for tag in ("title", "desc")]
    assert root.get("aria-labelledby") == " ".join(
        one.get("id", "") for one in named if one is not None
    )
    texts = [text.text for text in root.iter(f"{SVG}text")]
    for label in ("recall", "precision", "code", "math"):
        assert label in texts
    lines = [path for path in root.iter(f"{SVG}path") if path.get("class") == "curve"]
    dots = list(root.iter(f"{SVG}circle"))
    assert (len(lines), len(dots)) == (4, 4)
    assert len({line.get("stroke-dasharray") for line in lines}) == 2
    used = curves["code"].used
    assert used is not None
    told = f"code, iteration 1: precision {used.precision:.3f} at recall {used.recall:.3f}"
    assert dots[0].findtext(f"{SVG}title") == told
    assert float(dots[0].get("cx", "")) == pytest.approx(SIDE * used.recall, abs=0.01)
    assert float(dots[0].get("cy", "")) == pytest.approx(SIDE * (1 - used.precision), abs=0.01)


def test_a_name_cannot_break_the_picture() -> None:
    """Names are text; without a curve there is a picture that says so."""
    scores, positive = random_pages(50)
    odd = Stand(1, True, [], {}, {'<b> & "q"': curve(scores, positive, 0.5)})
    root = ElementTree.fromstring(draw_curves([odd]))
    assert '<b> & "q"' in [text.text for text in root.iter(f"{SVG}text")]
    empty = ElementTree.fromstring(draw_curves([Stand(1, False, [], {}, {})]))
    assert empty.findtext(f"{SVG}desc") == "No page with a label was scored."
