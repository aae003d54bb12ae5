"""`sluice show`: the life of a document."""

import re
from pathlib import Path

import pytest

from pipeline.inspection.life import lives
from schemas.identity import doc_id
from stages.errors import InputError
from tests.pipeline.conftest import Sluice
from tests.pipeline.inspection.conftest import LONG, answer

COPY = "someone/json-copy@" + "1" * 40 + ":decoder.py"


def test_a_dropped_document_tells_which_stage_dropped_it(run: Path) -> None:
    """The verdict and the measure that led to it stand together."""
    (life,) = lives(run, LONG)
    assert life.fate == "dropped by github.rules: average_line_length"
    rules = next(stage for stage in life.stages if stage.table == "github.rules")
    assert rules.measures["max_line_length"] == 1206
    dedup = next(stage for stage in life.stages if stage.table == "github.dedup")
    assert dedup.keep is None
    assert life.samples == []
    assert life.text.startswith("x = '")


def test_a_duplicate_shows_its_twin(run: Path) -> None:
    """The twin is named with its similarity, and knows who repeats it."""
    copies = [life for life in lives(run, COPY) if life.twin] or lives(
        run,
        COPY.replace("someone/json-copy@" + "1" * 40, "python/json@" + "0" * 40 + ":json").replace(
            ":json:", ":json/"
        ),
    )
    (life,) = copies
    assert life.twin is not None
    assert life.fate == "dropped by github.dedup: exact"
    assert life.twin.similarity == 1.0
    assert life.twin.text == life.text
    (twin,) = lives(run, life.twin.doc_id)
    assert life.documents["uri"] in [other["uri"] for other in twin.repeats]


def test_a_kept_document_is_found_in_the_shards(run: Path) -> None:
    """`start` and `n_tokens` say where its tokens are."""
    uri = "python/logging@" + "0" * 40 + ":logging/handlers.py"
    (life,) = lives(run, uri)
    (sample,) = life.samples
    assert life.fate == "kept, in code"
    (row,) = answer(
        run,
        f"select p.start as start, p.n_tokens as n from (select unnest(parts) as p "
        f"from shards.code) where p.uri = '{uri}'",
    )
    assert (sample["start"], sample["n_tokens"]) == (row["start"], row["n"])


def test_a_document_is_found_by_id_uri_and_url(run: Path) -> None:
    """A page's URL may be written as it was crawled; every capture is shown."""
    assert [life.documents["uri"] for life in lives(run, doc_id(LONG).hex())] == [LONG]
    url = "https://host1.example.com/page/0/1"
    assert len(lives(run, f"{url}?utm_source=x")) == len(lives(run, url)) == 1
    captures = lives(run, "http://www.example.org/same")
    assert len(captures) == 3
    assert sum(life.fate.startswith("kept") for life in captures) == 1


def test_a_document_that_is_not_there_is_told_the_nearest(run: Path) -> None:
    """Suggestions are uris that exist."""
    with pytest.raises(InputError, match=r"nearest:\n  python/json@0+:long\.py"):
        lives(run, LONG.replace("long", "lang"))
    with pytest.raises(InputError, match="no document"):
        lives(run, "0" * 32)


def test_show_colours_code_where_it_is_asked_to(run: Path, sluice: Sluice) -> None:
    """A keyword of Python has a colour of its own, and no colour goes into a file by itself."""
    found = answer(
        run,
        "select lower(hex(doc_id)) as id from github.documents d join github.language l"
        " using (doc_id) where language = 'Python' and n_bytes > 0 limit 1",
    )
    texts = {}
    for color in ("auto", "always", "never"):
        code, texts[color], _ = sluice("show", str(run), found[0]["id"], "--color", color)
        assert code == 0
    assert "\x1b[" not in texts["auto"] == texts["never"]
    assert "\x1b[" in texts["always"]
    assert re.sub(r"\x1b\[[0-9;]*m", "", texts["always"]).split() == texts["auto"].split()


def test_show_compares_a_page_with_its_twin(run: Path, sluice: Sluice) -> None:
    """--diff prints a unified diff, or that the texts are the same."""
    near = answer(
        run, "select lower(hex(doc_id)) as id from web.dedup where reason = 'near' limit 1"
    )
    if near:
        _, out, _ = sluice("show", str(run), near[0]["id"], "--diff")
        assert "@@" in out
    exact = answer(run, "select lower(hex(doc_id)) as id from github.dedup where reason = 'exact'")
    _, out, _ = sluice("show", str(run), exact[0]["id"], "--diff")
    assert "same text" in out


def test_a_document_is_found_by_the_first_digits_of_its_id(run: Path) -> None:
    """Six or more; nothing is found by digits that no doc_id begins with."""
    digits = doc_id(LONG).hex()
    for n in (32, 31, 12, 9):
        (life,) = lives(run, digits[:n])
        assert life.documents["uri"] == LONG
    with pytest.raises(InputError, match="no document"):
        lives(run, "f" * 31)
