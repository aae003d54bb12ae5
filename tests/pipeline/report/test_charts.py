"""Pictures say what the figures say, and nothing of a stranger's text gets out of them."""

import re

import pytest

from pipeline.inspection.counted import share
from pipeline.report.charts.bars import interval, stacked
from pipeline.report.charts.histogram import histogram
from pipeline.report.charts.numbers import compact, count, size, ticks
from pipeline.report.charts.stream import stream
from pipeline.report.charts.svg import tag
from pipeline.report.charts.treemap import squarified, treemap
from schemas.columns import POWERS_OF_TWO, TWENTIETHS

HOSTILE = '"><script>alert(1)</script>'


def numbers(name: str, picture: str) -> list[float]:
    """The values of an attribute, in order."""
    return [float(found) for found in re.findall(rf' {name}="([\d.]+)%?"', picture)]


def test_an_element_escapes_text_and_attributes() -> None:
    """Whatever a name or a title holds."""
    made = tag("text", HOSTILE, aria_label=HOSTILE, class_=None, data_value=3)
    assert "<script>" not in made
    assert made.startswith('<text aria-label="&#34;&gt;&lt;script&gt;')
    assert ' data-value="3"' in made
    assert "class" not in made


def test_tiles_share_the_whole_area() -> None:
    """Every value gets its part, none overlaps another, and none is a thread."""
    values = [50, 20, 10, 10, 5, 3, 1, 1]
    tiles = squarified(values, 400, 250)
    for value, tile in zip(values, tiles, strict=True):
        assert tile.width * tile.height == pytest.approx(value * 1000)
        assert max(tile.width / tile.height, tile.height / tile.width) < 4
    for index, one in enumerate(tiles):
        for other in tiles[index + 1 :]:
            beside = one.x + one.width <= other.x + 1e-6 or other.x + other.width <= one.x + 1e-6
            above = one.y + one.height <= other.y + 1e-6 or other.y + other.height <= one.y + 1e-6
            assert beside or above
    assert squarified([], 400, 250) == []


def test_a_treemap_names_what_fits_and_gathers_dust() -> None:
    """All values are in it; hostile names are text."""
    items = [(HOSTILE, 1000.0), *((f"language {n}", 5.0) for n in range(100)), ("none", 0.0)]
    made = treemap(items, "tokens", 960, 340)
    assert "<script>" not in made
    assert "others" in made
    assert "none" not in made
    assert "1,000 tokens" in made


def test_bars_of_a_histogram_are_as_high_as_their_counts() -> None:
    """Empty bins at the ends are left out; each bar says its range and count."""
    counts = [0] * (len(POWERS_OF_TWO) + 1)
    counts[5], counts[6], counts[7] = 10, 40, 20
    made = histogram(POWERS_OF_TWO, {"fill": counts}, [], "length")
    heights = [float(found) for found in re.findall(r'<rect [^>]*height="([\d.]+)"', made)]
    assert heights[1] == pytest.approx(4 * heights[0], abs=0.02)
    assert heights[1] == pytest.approx(2 * heights[2], abs=0.02)
    assert "16 to 32: 10 (14.3 %)" in made
    assert made.count("<rect") == 3
    assert "length: 70 values" in made


def test_two_histograms_side_by_side_have_one_axis() -> None:
    """Each covers what the other holds."""
    counts, other = [0] * 20, [0] * 20
    counts[3], other[12] = 5, 7
    one = histogram(TWENTIETHS, {"fill": counts}, [], "share", other)
    two = histogram(TWENTIETHS, {"fill": other}, [], "share", counts)
    ticks_of = [re.findall(r'<line x1="([\d.]+)%"', made) for made in (one, two)]
    assert ticks_of[0] == ticks_of[1] != []


@pytest.mark.parametrize(
    ("edges", "value", "drops", "dropped", "kept"),
    [
        (POWERS_OF_TWO, 64, "above", 2, 7),
        (POWERS_OF_TWO, 100, "above", 1, 8),
        (TWENTIETHS, 0.25, "below", 5, 4),
    ],
)
def test_what_a_threshold_drops_has_another_colour(
    edges: list[float], value: float, drops: str, dropped: int, kept: int
) -> None:
    """Bins that lie wholly beyond it; the one that it divides is drawn as kept."""
    counts = [1] * 9 + [0] * (len(edges) - 8)
    made = histogram(
        edges, {"fill": counts}, [{"option": "limit", "value": value, "drops": drops}], "measure"
    )
    assert (made.count('class="dropped"'), made.count('class="fill"')) == (dropped, kept)
    assert f"limit {value:g}" in made


def test_a_threshold_between_two_powers_stands_where_its_logarithm_does() -> None:
    """Of four bins the second begins at 2, so the square root of 8 halves it."""
    edges = [1.0, 2.0, 4.0, 8.0]
    threshold = [{"option": "limit", "value": 8**0.5, "drops": None}]
    made = histogram(edges, {"fill": [1, 1, 1, 1, 1]}, threshold, "measure")
    (place,) = re.findall(r'<line x1="([\d.]+)%"[^>]*class="threshold"', made)
    assert float(place) == pytest.approx(89 * 2.5 / 5)


def test_stacked_parts_follow_one_another() -> None:
    """Each is as wide as its share; what is nothing is not drawn."""
    made = stacked([(60, "kept", "kept 60"), (0, "c1", "none"), (20, "c2", HOSTILE)], 100)
    assert numbers("x", made) == [0, 60]
    assert re.findall(r'<rect x="\d+%" width="(\d+)%"', made) == ["60", "20"]
    assert "<script>" not in made


def test_the_stream_has_the_filters_that_dropped_something() -> None:
    """A corpus that lost nothing has no picture."""
    rows = [
        {"stage": "web.documents", "documents": 100, "kept": 100, "reasons": {}, "judges": False},
        {"stage": "web.dedup", "documents": 100, "kept": 75, "judges": True}
        | {"reasons": {"exact": 15, HOSTILE: 10}},
        {"stage": "web.redact", "documents": 75, "kept": 75, "reasons": {}, "judges": True},
    ]
    made = stream(rows, "web")
    assert "<script>" not in made
    assert "redact" not in made
    assert made.count("<path") == 2
    assert "− 25  (25.0 %)" in made
    assert stream(rows[:1], "web") == ""


def test_an_interval_stays_on_its_axis() -> None:
    """Rate and ends, in percent of the limit."""
    made = interval(0.02, 0.05, 0.3, 0.2)
    assert 'x1="10%" x2="100%"' in made
    assert 'cx="25%"' in made
    assert "5.0%, between 2.0% and 30.0%" in made


def test_numbers_read_well() -> None:
    """Little is not nothing, nearly all is not all, sizes have three digits."""
    assert [share(0, 9), share(1, 10_000), share(9_999, 10_000), share(9, 9), share(1, 0)] == [
        *("0 %", "< 0.1 %", "99.9 %", "100 %", "–"),
    ]
    assert [size(0), size(999), size(1_234_567), size(5e15)] == ["0 B", "999 B", "1.23 MB", "5 PB"]
    assert [compact(0.25), compact(64), compact(1500), compact(262144, 1024)] == [
        *("0.25", "64", "1.5k", "256k"),
    ]
    assert [count(1234), count(0.0625), count(1234.5)] == ["1,234", "0.0625", "1,234"]
    assert list(ticks(7)) == [5]
    assert list(ticks(1234)) == [500, 1000]
