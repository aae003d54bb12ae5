"""Random draws: the same for the same seed, fair, and bounded."""

from collections import Counter
from pathlib import Path

import pytest

from pipeline.browse import drawing
from pipeline.browse.drawing import Drawing
from pipeline.browse.filters import Filters
from pipeline.browse.judged_tables import JudgedTables
from pipeline.inspection.views import open_run
from tests.pipeline.browse.conftest import many_pages, write_run

DROPPED = Filters("web.dedup", verdict="dropped")


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JudgedTables:
    """Twenty shards, of which a draw reads some."""
    monkeypatch.setattr(drawing, "ENOUGH", 20)
    monkeypatch.setattr(drawing, "WHOLE", 30)
    monkeypatch.setattr(drawing, "MAX_SHARDS", 5)
    run = write_run(tmp_path / "run", many_pages(20, 50))
    with open_run(run) as (_, views):
        return JudgedTables(views)


def test_a_seed_draws_the_same_documents(tables: JudgedTables) -> None:
    """In the same order, also in another session; another seed draws others."""
    first, again = (Drawing(tables).draw(DROPPED, 1).entries for _ in range(2))
    assert first == again
    assert first != Drawing(tables).draw(DROPPED, 2).entries
    assert all(entry.reason == "exact" and not entry.keep for entry in first)


def test_a_draw_reads_few_shards(tables: JudgedTables) -> None:
    """However many there are."""
    draw = Drawing(tables).draw(Filters("web.dedup"), 1)
    assert draw.n_shards <= 5
    assert draw.n_candidates == 20
    assert not draw.is_whole
    assert len({entry.shard for entry in draw.entries}) == draw.n_shards


def test_every_document_has_the_same_chance(tables: JudgedTables) -> None:
    """Shards with more dropped documents are drawn more often, so that none is favoured."""
    documents = tables["web.dedup"].counts_by_shard(DROPPED)
    drawn: Counter[int] = Counter()
    for seed in range(300):
        drawn.update(entry.shard for entry in Drawing(tables).draw(DROPPED, seed).entries)
    late = [shard for shard in documents if shard >= 10]
    expected = sum(documents[shard] for shard in late) / sum(documents.values())
    assert sum(drawn[shard] for shard in late) / drawn.total() == pytest.approx(expected, abs=0.05)


def test_a_small_run_is_drawn_whole(tables: JudgedTables, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a random order."""
    monkeypatch.setattr(drawing, "WHOLE", 10_000)
    monkeypatch.setattr(drawing, "MAX_SHARDS", 50)
    draw = Drawing(tables).draw(DROPPED, 1)
    n_dropped = sum(tables["web.dedup"].counts_by_shard(DROPPED).values())
    assert (draw.is_whole, len(draw.entries)) == (True, n_dropped)
    assert list(draw.entries) != sorted(draw.entries, key=lambda entry: (entry.shard, entry.row))


def test_many_row_groups_are_read_in_part(
    tables: JudgedTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard may be as large as it likes."""
    monkeypatch.setattr(drawing, "MAX_GROUPS", 1)
    draw = Drawing(tables).draw(Filters("web.dedup", verdict="kept"), 1)
    groups = {(entry.shard, entry.row // 16) for entry in draw.entries}
    assert len(groups) == draw.n_shards
