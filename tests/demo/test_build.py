"""The demo's crawl: complete, deterministic, made of ordinary WARC records."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from demo import build as building
from demo.build import build, crawl_pages, crawl_table, wanted_distributions, write_captures
from demo.captures import captures
from demo.documentation import documentation_pages
from demo.pages import Page, render
from demo.seeds import seed_table

FEW = ("numpy.random", "datasketch.*", "math", "array")
Said = tuple[str, int, int]


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    """The ordinary pages and those of a few packages: reading all of them takes 10 s."""
    table = crawl_table()
    sites = tuple(site for site in table.site if site.modules[0] in FEW)
    documented = documentation_pages(sites, lambda _: None)
    return list(crawl_pages(table.model_copy(update={"site": sites}), documented))


def _write(pages: list[Page], folder: Path, said: list[Said] | None = None) -> list[Path]:
    paths = [folder / f"CC-MAIN-DEMO-{number:05d}.warc.gz" for number in range(2)]
    told = [] if said is None else said
    with ThreadPoolExecutor(1) as pool:
        made = list(captures(pages))
        write_captures(made, paths, pool, lambda *one: told.append(one))
    return paths


def _subset(pages: list[Page]) -> list[Page]:
    return sorted(pages, key=lambda page: page.url)[::40]


def _records(paths: list[Path]) -> list[tuple[str, str | None, str | None, bytes]]:
    out = []
    for path in paths:
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                headers, http = record.rec_headers, record.http_headers
                status = http.get_statuscode() if record.rec_type == "response" else None
                uri = headers.get_header("WARC-Target-URI")
                out.append((record.rec_type, uri, status, record.content_stream().read()))
    return out


def test_both_kinds_of_pages(pages: list[Page]) -> None:
    """There are reference pages and ordinary pages, and each address occurs once."""
    frames = Counter(page.frame for page in pages)
    assert frames["docs"] > 40
    assert frames["page"] > 200
    assert len(pages) == len({page.url for page in pages})


def test_same_pages_same_bytes(pages: list[Page], tmp_path: Path) -> None:
    """Writing a subset twice gives the same bytes."""
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        made.append([path.read_bytes() for path in _write(_subset(pages), tmp_path / name)])
    assert made[0] == made[1]


def test_records_parse_back(pages: list[Page], tmp_path: Path) -> None:
    """warcio reads every page back, after its request and before its metadata."""
    chosen = _subset(pages)
    said: list[Said] = []
    records = _records(_write(chosen, tmp_path, said))
    kinds = [kind for kind, _, _, _ in records if kind != "warcinfo"]
    assert kinds == ["request", "response", "metadata"] * (len(kinds) // 3)
    assert said[-1][1:] == (len(kinds) // 3, len(kinds) // 3)
    assert [done for _, done, _ in said] == list(range(1, len(said) + 1))
    bodies = {uri: body for kind, uri, status, body in records if status == "200"}
    for page in chosen:
        assert bodies[page.url] == render(page).encode()
    assert not list(tmp_path.glob("*.partial"))


def test_nuisances(pages: list[Page]) -> None:
    """Addresses captured twice, tracked, moved, missing and not HTML occur, but rarely."""
    made = list(captures(pages))
    assert sum(capture.number == 1 for capture in made) >= 3
    assert sum("utm_source" in capture.url for capture in made) >= 3
    assert sum(capture.status.startswith("301") for capture in made) >= 3
    assert sum(capture.status.startswith("404") for capture in made) >= 5
    assert sum(capture.content_type == "application/pdf" for capture in made) >= 1
    assert len(made) < 1.15 * len(pages)
    assert all(" " not in capture.url for capture in made)


def test_pages_name_no_address_in_memory(pages: list[Page]) -> None:
    """Nothing that changes from process to process reaches a page read by import."""
    numpy_pages = [page for page in pages if page.host == "numpy.org"]
    assert numpy_pages
    assert not any(" at 0x7" in render(page) for page in numpy_pages[::20])


def _one_page(url: str) -> str:
    return f"<p>{url}</p>"


def test_current_crawl_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call with the same environment writes nothing; a changed one writes anew."""
    url = "https://a.example/"
    page = Page(url, "A", "Site", url, "page", partial(_one_page, url))
    monkeypatch.setattr(building, "documentation_pages", lambda sites, _: {s: [] for s in sites})
    monkeypatch.setattr(building, "crawl_pages", lambda *_: iter([page]))
    monkeypatch.setattr(building, "seed_pages", lambda *_: iter([]))
    monkeypatch.setattr(building, "ROLES", ())
    monkeypatch.setattr(building, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    said: list[Said] = []
    paths = build(tmp_path, lambda *one: said.append(one))
    assert said[-1] == ("pages of the crawl", 1, 1)
    before = [path.stat().st_mtime_ns for path in paths]
    assert build(tmp_path, lambda *one: said.append(one)) == paths
    assert said[-1][0] == "files as they were"
    assert [path.stat().st_mtime_ns for path in paths] == before
    mark = tmp_path / "crawl.json"
    changed = json.loads(mark.read_text())
    changed["fingerprint"]["python"] = "another"
    mark.write_text(json.dumps(changed))
    build(tmp_path, lambda *one: said.append(one))
    assert [path.stat().st_mtime_ns for path in paths] != before


def test_all_that_the_tables_read_is_locked() -> None:
    """What `make stages` installs is enough: no page waits for a package of the tests."""
    lock = (Path(building.__file__).parents[1] / "requirements.lock").read_text()
    pinned = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    assert wanted_distributions(crawl_table(), seed_table()) <= pinned


@pytest.mark.slow
def test_whole_crawl(tmp_path: Path) -> None:
    """The full crawl parses back, with all of its hosts, in processes of its own."""
    paths = build(tmp_path, lambda *_: None)
    found = [(uri, body) for _, uri, status, body in _records(paths) if status == "200"]
    assert 700 <= len({uri for uri, _ in found}) <= 1_000
    assert len({(uri or "").split("/")[2] for uri, _ in found}) >= 12
    assert sum(b'class="math notranslate' in body for _, body in found) >= 50
    assert sum(b'class="highlight' in body for _, body in found) >= 200
