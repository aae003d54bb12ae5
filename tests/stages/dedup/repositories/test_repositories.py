"""`dedup.unit = "repository"` against the rule in plain Python."""

import random
import re
from collections.abc import Sequence
from typing import Any

import pytest

from stages.dedup.limits import Limits

TINY = Limits(repository_bytes=3_000, text_rows=7, band_rows=500, few=2, drop_rows=3, file_rows=5)

LONG = Limits(few=1, task_shingles=100)
"""Every repository alone is more than a task is meant to hold."""


def shingles(text: str) -> set[tuple[str, ...]]:
    tokens = re.findall(r"\w+|[^\w\s]", text)
    return {tuple(tokens[i : i + 5]) for i in range(max(1, len(tokens) - 4))}


def file(
    repo: str, path: str, text: str, *, revision: str = "0" * 40, **more: Any
) -> dict[str, Any]:
    name = f"{repo}@{revision}:{path}"
    row = {"name": name, "uri": name, "repo": repo, "revision": revision, "path": path}
    return {**row, "text": text, **more}


def words(generator: random.Random, n: int) -> list[str]:
    return [f"w{generator.randrange(10**6)}" for _ in range(n)]


def rule(files: Sequence[dict[str, Any]], threshold: float = 0.85) -> dict[str, tuple[Any, ...]]:
    """Name → (reason, duplicate_of, similarity): repositories concatenated in order of paths, taken
    by licence, stars, creation and length, dropped for the most similar kept one; `exact` if the
    text occurred before."""
    repositories: dict[str, list[dict[str, Any]]] = {}
    for one in sorted(files, key=lambda one: one["path"]):
        repositories.setdefault(one["uri"].rpartition(":")[0], []).append(one)

    def preferred(own: list[dict[str, Any]]) -> tuple[Any, ...]:
        n_bytes = sum(len(one["text"]) for one in own)
        unlicensed = not any(one.get("license") for one in own)
        return unlicensed, -own[0]["stars"], own[0]["repo_created_at"], -n_bytes

    kept: list[tuple[list[dict[str, Any]], str]] = []
    seen: set[str] = set()
    verdicts: dict[str, tuple[Any, ...]] = {}
    for own in sorted(repositories.values(), key=preferred):
        text = "\n".join(one["text"] for one in own)
        mine = shingles(text)
        near = []
        for other, its_text in kept:
            theirs = shingles(its_text)
            similarity = len(mine & theirs) / len(mine | theirs)
            if similarity >= threshold:
                near.append((similarity, other))
        repeats = text in seen
        seen.add(text)
        if not near:
            kept.append((own, text))
            verdicts |= {one["name"]: (None, None, None) for one in own}
            continue
        similarity, twin = max(near, key=lambda each: each[0])
        names = {one["path"]: one["name"] for one in twin}
        for one in own:
            named = names.get(one["path"], twin[0]["name"])
            verdicts[one["name"]] = ("exact" if repeats else "near", named, similarity)
    return verdicts


def forks(seed: int) -> list[dict[str, Any]]:
    """Families of repositories: forks of which some files were changed, renamed, added or dropped;
    and one file that every repository has, which must not be what links them."""
    generator = random.Random(seed)
    shared = " ".join(words(generator, 60))
    files = []
    for family in range(8):
        base = {f"src/{n}.py": words(generator, 80) for n in range(generator.randint(1, 6))}
        for fork in range(generator.randint(1, 5)):
            own = {path: list(tokens) for path, tokens in base.items()}
            for _ in range(generator.randint(0, 6)):
                tokens = own[generator.choice(list(own))]
                tokens[generator.randrange(len(tokens))] = f"x{generator.randrange(10**6)}"
            if generator.random() < 0.3:
                own[f"docs/new{fork}.md"] = words(generator, 15)
            if generator.random() < 0.3:
                own["src/renamed.py"] = own.pop(generator.choice(list(own)))
            facts = {
                "stars": generator.randrange(10**6),
                "repo_created_at": generator.randrange(10**9) * 10**6,
            }
            license_of = {path: generator.choice([None, "", "MIT"]) for path in own}
            files += [
                file(
                    f"owner{fork}/family{family}",
                    path,
                    " ".join(tokens),
                    license=license_of[path],
                    **facts,
                )
                for path, tokens in own.items()
            ]
            files.append(file(f"owner{fork}/family{family}", "LICENSE", shared, **facts))
    generator.shuffle(files)
    return files


@pytest.mark.parametrize("limits", [None, TINY, LONG], ids=["default", "tiny", "long"])
@pytest.mark.parametrize("seed", range(4))
def test_repositories_are_judged_as_the_rule_says(deduplicate, seed, limits):
    """Whatever shards and batches the files lie in, and however the work is cut."""
    files = forks(seed)
    expected = rule(files)
    reasons = {verdict[0] for verdict in expected.values()}
    assert reasons == {None, "near"} or reasons == {None, "near", "exact"}
    outcome = deduplicate(files, unit="repository", shard_rows=30, limits=limits)
    columns = ("reason", "duplicate_of", "similarity")
    assert expected == {
        name: tuple(row[c] for c in columns) for name, row in outcome.verdicts.items()
    }
    for name, row in outcome.verdicts.items():
        assert row["cluster"] == (row["duplicate_of"] or name)


def test_a_file_that_two_repositories_share_stays_in_both(deduplicate):
    """By file the copy goes; by repository the structure stays whole."""
    generator = random.Random(1)
    shared = " ".join(words(generator, 100))
    files = [
        file("a/a", "vendored.py", shared, stars=2),
        file("b/b", "vendored.py", shared, stars=1),
    ]
    files += [file(r, "own.py", " ".join(words(generator, 300))) for r in ("a/a", "b/b")]
    assert len(deduplicate(files).kept()) == 3
    assert len(deduplicate(files, unit="repository").kept()) == 4


def test_equal_repositories_are_exact_twins(deduplicate):
    """The one with more stars stays; each file names the file of its path."""
    texts = {"a.py": "one two three", "b/c.py": "four five six seven eight nine"}
    files = [
        file(repo, path, text, stars=stars)
        for repo, stars in (("x/few", 1), ("y/many", 9))
        for path, text in texts.items()
    ]
    outcome = deduplicate(files, unit="repository", shard_rows=1)
    for path in texts:
        row = outcome.verdicts[f"x/few@{'0' * 40}:{path}"]
        assert ("exact", f"y/many@{'0' * 40}:{path}") == (row["reason"], row["duplicate_of"])
    assert len(outcome.kept()) == 2


def test_two_states_of_a_repository_are_two(deduplicate):
    """The revisions of one repository are compared, not concatenated."""
    text = " ".join(words(random.Random(2), 50))
    files = [file("a/a", "x.py", text, revision=revision * 40) for revision in "12"]
    assert len(deduplicate(files, unit="repository").kept()) == 1


def test_rows_of_a_table_without_revisions_belong_to_their_repository(deduplicate):
    """Their origin is a row, their revision the hash of their contents."""
    generator = random.Random(3)
    files = []
    texts = [" ".join(words(generator, 60)) for _ in range(4)]
    for number, (repo, text) in enumerate((r, t) for r in ("a/a", "b/b") for t in texts):
        one = file(repo, f"{number % 4}.py", text, revision=f"hash{number % 4}")
        files.append({**one, "name": f"table.parquet:{number}", "uri": f"table.parquet:{number}"})
    files[0]["text"] += " changed"
    outcome = deduplicate(files, unit="repository")
    assert {row["reason"] for row in outcome.verdicts.values()} == {None, "near"}
    assert len(outcome.kept()) == 4


def test_a_discussion_is_compared_by_itself(deduplicate):
    """Two issues of one repository are two texts."""
    text = " ".join(words(random.Random(4), 50))
    issues = [
        {**file("a/a", f"issue/{n}", text), "uri": f"a/a#issue/{n}", "kind": "issue"}
        for n in range(2)
    ]
    code = file("a/a", "a.py", " ".join(words(random.Random(5), 50)))
    outcome = deduplicate([*issues, code], unit="repository")
    assert len(outcome.kept()) == 2


def test_what_was_dropped_before_is_no_part_of_its_repository(deduplicate):
    """Repositories that differ in dropped files alone are twins; such a file has no verdict."""
    text = " ".join(words(random.Random(6), 50))
    files = [
        file("a/a", "a.py", text),
        file("a/a", "A_dropped.py", "something else entirely", alive=False),
        file("b/b", "a.py", text),
    ]
    outcome = deduplicate(files, unit="repository")
    dropped = outcome.verdicts[files[1]["name"]]
    assert dropped["reason"] is dropped["cluster"] is None
    assert {"exact", None} == {row["reason"] for row in outcome.verdicts.values()}


def test_nothing_is_left(deduplicate):
    """A corpus of which no row lives."""
    outcome = deduplicate([file("a/a", "a.py", "text", alive=False)], unit="repository")
    assert [row["reason"] for row in outcome.verdicts.values()] == [None]
