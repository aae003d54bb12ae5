"""Which files are seeds, which candidates, and what they become."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from schemas.identity import doc_id, seeded_hash
from stages.contract import ALIVE
from stages.recall.classifier.folds import deal_groups
from stages.recall.places import GITHUB, WEB
from stages.recall.quality.example_files import DrawExamples, PickSeeds
from stages.recall.quality.rule import quality_rule

GOOD = {"n_code_lines": 50, "n_comment_lines": 20, "n_comment_words": 150, "n_header_words": 20}
BARE = dict.fromkeys(GOOD, 0) | {"n_code_lines": 50}


def file(repo, path, measures=GOOD, *, alive=True, kind="source"):
    """A row as `PickSeeds` reads it; the measures of a dropped one are null."""
    own = measures if alive else dict.fromkeys(GOOD)
    return {
        ALIVE: alive,
        "doc_id": doc_id(f"{repo}:{path}"),
        "kind": kind,
        "repo": repo,
        "path": path,
        "language": "Python",
        "is_generated": False if alive else None,
        **own,
    }


def pick(files, rule=None, share=1.0):
    """Path of each file that was chosen → whether it was picked."""
    table = pa.Table.from_pylist(files).select(PickSeeds.reads)
    step = PickSeeds(rule or quality_rule(), share, 0)
    found = pa.Table.from_batches(step(iter(table.to_batches(max_chunksize=3))), step.schema)
    names = {row["doc_id"]: f"{row['repo']}:{row['path']}" for row in files}
    return {names[row["doc_id"]]: row["picked"] for row in found.to_pylist()}


def test_seeds_are_described_files_of_repositories_with_readme_and_tests():
    """A dropped README counts; what only lacks a sound repository is neither seed nor negative."""
    found = pick(
        [
            file("a/a", "src/core.py"),
            file("a/a", "src/bare.py", BARE),
            file("a/a", "src/dropped.py", alive=False),
            file("a/a", "guide.md", BARE, kind="markdown"),
            file("a/a", "README.md", alive=False, kind="markdown"),
            file("a/a", "tests/test_core.py", BARE),
            file("b/b", "src/core.py"),
            file("b/b", "src/bare.py", BARE),
            file("b/b", "README.md", BARE, kind="markdown"),
            file("c/c", "src/core.py"),
            file("c/c", "tests/test_core.py", BARE),
        ]
    )
    assert found == {
        "a/a:src/core.py": True,
        "a/a:src/bare.py": False,
        "a/a:tests/test_core.py": False,
        "b/b:src/bare.py": False,
        "c/c:tests/test_core.py": False,
    }


def test_the_draw_of_others_is_by_identity():
    """Seeds all pass; of the others those with the smallest hashes."""
    files = [file("a/a", "README.md", BARE, kind="markdown"), file("a/a", "t/x.py", BARE)]
    files += [file("a/a", f"src/{n}.py", GOOD if n % 2 else BARE) for n in range(40)]
    found = pick(files, share=0.25)
    assert sum(found.values()) == 20
    drawn = {
        f"a/a:{row['path']}"
        for row in files
        if row["n_comment_lines"] == 0 and row["kind"] == "source"
        if seeded_hash(0, row["doc_id"]) < 2**62
    }
    assert {name for name, picked in found.items() if not picked} == drawn


@pytest.mark.parametrize(("n_picked", "n_given"), [(3, 0), (30, 0), (30, 20), (300, 0)])
def test_examples_are_the_smallest_hashes(n_picked, n_given):
    """At most 100 positives, and others so that their trusted half is as many, at least 40."""
    rows = [{"doc_id": doc_id(f"x:{n}"), "picked": n < n_picked} for n in range(n_picked + 500)]
    batches = pa.Table.from_pylist(rows, PickSeeds.schema).to_batches(max_chunksize=50)
    step = DrawExamples(100, 40, n_given, 0.5, 7)
    data = step(iter(batches[:3]), iter(batches[3:]))
    with pa.ipc.open_file(data) as reader:
        found = reader.read_all()

    def smallest(picked, n):
        own = [row["doc_id"] for row in rows if row["picked"] == picked]
        return set(sorted(own, key=lambda one: seeded_hash(7, one))[:n])

    n_positives = min(n_picked, 100)
    n_others = max(40, 2 * min(n_positives + n_given, 100))
    for picked, n in ((True, n_positives), (False, n_others)):
        own = found.filter(pc.equal(found["picked"], picked))
        assert set(own["doc_id"].to_pylist()) == smallest(picked, n)
    again = step(iter(reversed(batches)))
    assert again == data


def test_a_file_has_its_repository_as_domain_and_host():
    """What would end a URL's path is escaped; only source files are judged."""
    rows = pa.record_batch(
        {
            "kind": ["source", "markdown", "source"],
            "repo": ["google/gson", "google/gson", "pypi/numpy"],
            "path": ["src/C#/a?.java", "README.md", "a%20b.py"],
        }
    )
    pages = GITHUB.pages(rows)
    assert pages.column("domain").to_pylist() == ["google/gson", "pypi/numpy"]
    assert pages.column("url").to_pylist() == [
        "github://google:gson/src/C%23/a%3F.java",
        "github://pypi:numpy/a%2520b.py",
    ]
    assert pages.column("n_expressions").to_pylist() == [0, 0]
    assert WEB.pages(rows) is rows


def test_groups_with_positives_are_spread_first():
    """Two repositories with positives never share a fold while one is free."""
    dealt = deal_groups(["a"] * 3 + ["b"], ["a"] * 5 + ["c"] * 50 + ["d"] * 2, 3)
    assert dealt["a"] != dealt["b"]
    assert dealt["c"] not in (dealt["a"], dealt["b"])
    assert deal_groups([], [], 5) == {}
    assert sorted(deal_groups("abcde", "", 5).values()) == [0, 1, 2, 3, 4]
