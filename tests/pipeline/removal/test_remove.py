"""Documents leave the shards at once, and no later run brings them back."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.configuration import Config
from pipeline.inspection.stats import funnel
from pipeline.inspection.verify import verify
from pipeline.removal.remove import remove
from pipeline.run import plan, run
from stages.errors import ConfigError, StorageError
from tests.pipeline.conftest import product, write_tar
from tests.pipeline.removal.conftest import CAT, DOG, module

Configure = Callable[..., Config]


def emitted(target: Path) -> Counter[str]:
    """How often each document stands in the shards, by its uri."""
    rows = duckdb.sql(
        f"select unnest(parts).uri from read_parquet('{target}/shards/*/*.parquet')"
    ).fetchall()
    return Counter(uri for (uri,) in rows)


def uris(target: Path, corpus: str, where: str) -> set[str]:
    rows = duckdb.sql(
        f"select uri from read_parquet('{target}/{corpus}/documents/*.parquet') where {where}"
    )
    return {uri for (uri,) in rows.fetchall()}


def identity(target: Path, path: str) -> str:
    rows = duckdb.sql(
        f"select lower(hex(doc_id)) from read_parquet('{target}/github/documents/*.parquet') "
        f"where path = '{path}'"
    )
    return str(rows.fetchall()[0][0])


def stamps(target: Path) -> dict[str, int]:
    """Shard file → when it was written."""
    return {
        path.relative_to(target).as_posix(): path.stat().st_mtime_ns
        for path in (target / "shards").rglob("*.parquet")
    }


def nothing_to_do(config: Config) -> bool:
    return not any(item.n_stale for item in plan(config))


@pytest.mark.parametrize(
    ("key", "value", "corpus", "where"),
    [
        ("uri", f"{CAT}@{'0' * 40}:apple.py", "github", "path = 'apple.py'"),
        ("uri", "HTTPS://blog.example.com:443/2#top", "web", "url like '%blog%/2'"),
        ("repo", "Octo/Cat", "github", f"repo = '{CAT}'"),
        ("domain", "example.org", "web", "domain = 'example.org'"),
        ("domain", "blog.example.com", "web", "host = 'blog.example.com'"),
    ],
)
def test_each_key_takes_out_what_it_names_and_nothing_else(
    copied: Path, config_of: Configure, key: str, value: str, corpus: str, where: str
) -> None:
    """The run is sound and complete afterwards, and every count follows."""
    before, named = emitted(copied), uris(copied, corpus, where)
    removed = remove(copied, {key: [value]})
    assert removed.entries[0].n_documents == len(named) > 0
    assert emitted(copied) == Counter({u: n for u, n in before.items() if u not in named})
    assert verify(copied) == []
    assert nothing_to_do(config_of(copied))
    table = f"read_parquet('{copied}/{corpus}/remove/*.parquet')"
    counted = duckdb.sql(f"select count(*) from {table} where reason = 'removed'").fetchall()[0][0]
    told = next(one for one in funnel(copied) if one.stage == f"{corpus}.remove")
    assert told.reasons == {"removed": counted}
    assert f"documents removed on request ({counted} document" in card(copied)
    assert manifest(copied)["totals"]["samples"] == samples(copied)


def card(target: Path) -> str:
    return (target / "shards" / "README.md").read_text()


def manifest(target: Path) -> dict[str, dict[str, int]]:
    content: dict[str, dict[str, int]] = json.loads(
        (target / "shards" / "manifest.json").read_bytes()
    )
    return content


def samples(target: Path) -> int:
    rows = duckdb.sql(f"select count(*) from read_parquet('{target}/shards/*/*.parquet')")
    return int(rows.fetchall()[0][0])


def test_only_files_that_hold_it_are_written(copied: Path) -> None:
    """All others are the same files as before; so are the tables of every other stage."""
    before, hashes = stamps(copied), product(copied)
    place = f"from read_parquet('{copied}/shards/*/*.parquet', filename = true)"
    held = duckdb.sql(
        f"select distinct filename {place} where list_contains(list_transform(parts, "
        "lambda part: part.uri), 'https://blog.example.com/1')"
    ).fetchall()
    removed = remove(copied, {"uri": ["https://blog.example.com/1"]})
    changed = {path for path, stamp in stamps(copied).items() if before[path] != stamp}
    assert changed == {Path(name).relative_to(copied).as_posix() for (name,) in held}
    assert removed.n_files == len(changed) == 1
    now = product(copied)
    differ = {path for path in now if hashes.get(path) != now[path]} - changed
    tables = {path for path in differ if not path.startswith("shards/") and "/remove/" not in path}
    assert tables == {"removals.parquet"}


def test_the_shards_are_those_of_a_run_that_left_it_out(
    copied: Path, small: Path, tmp_path: Path, config_of: Configure
) -> None:
    """Cutting files gives the bytes that emitting the rest gives."""
    wanted = {"doc_id": [identity(copied, "berry.py")[:9]]}
    remove(copied, wanted)
    other = tmp_path / "other"
    shutil.copytree(small / "run", other)
    (other / "run.json").unlink()
    waiting = remove(other, wanted)
    assert waiting.waits is not None
    assert "sluice run" in waiting.waits
    assert emitted(other) == emitted(small / "run")
    run(config_of(other), address="local")
    ours, theirs = product(copied), product(other)
    assert {p: h for p, h in ours.items() if p != "removals.parquet"} == {
        p: h for p, h in theirs.items() if p != "removals.parquet"
    }


def test_a_joined_sample_loses_the_file(copied: Path) -> None:
    """What is behind it moves up, and each part still has its own tokens."""
    query = (
        f"select parts, tokens from read_parquet('{copied}/shards/code/*.parquet') "
        "where len(parts) > 1"
    )
    parts, tokens = duckdb.sql(query).fetchall()[0]
    texts = {p["uri"]: tokens[p["start"] : p["start"] + p["n_tokens"]] for p in parts}
    remove(copied, {"uri": [parts[0]["uri"]]})
    rest = duckdb.sql(query.replace("> 1", f">= {len(parts) - 1}")).fetchall()
    found = {}
    for parts_now, tokens_now in rest:
        assert sum(part["n_tokens"] for part in parts_now) == len(tokens_now)
        for p in parts_now:
            found[p["uri"]] = tokens_now[p["start"] : p["start"] + p["n_tokens"]]
    for uri in list(texts)[1:]:
        assert found[uri] == texts[uri]
    assert parts[0]["uri"] not in found


def test_a_dropped_duplicate_takes_no_removed_ones_place(
    small: Path, tmp_path: Path, config_of: Configure
) -> None:
    """Not when it is removed, nor when its repository leaves the run."""
    target = tmp_path / "run"
    shutil.copytree(small / "run", target)
    twins = uris(target, "github", "path in ('shared.py', 'copied.py')")
    (kept,) = twins & set(emitted(target))
    (copy,) = twins - {kept}
    removed = remove(target, {"uri": [kept]})
    assert removed.n_repeats == 1
    run(config_of(target, "github.dedup.near=false", "github.dedup.exact=false"), address="local")
    assert not {kept, copy} & set(emitted(target))
    gone = "octo__cat.tar.gz" if CAT in kept else "octo__dog.tar.gz"
    run(config_of(target, f"github.drop=['{gone}']"), address="local")
    assert not {kept, copy} & set(emitted(target))
    assert verify(target) == []


def test_a_later_run_with_more_inputs_leaves_it_out(
    copied: Path, small: Path, tmp_path: Path, config_of: Configure
) -> None:
    """Documents that the list names come with a new input, too."""
    removed = remove(copied, {"repo": [CAT, "octo/fox"], "uri": ["https://nowhere.example/"]})
    assert [one.n_documents for one in removed.entries] == [5, 0, 0]
    inputs = tmp_path / "inputs"
    shutil.copytree(small / "inputs", inputs)
    write_tar(inputs / "octo__fox.tar.gz", "fox-main", {"den.py": module("den")})
    write_tar(inputs / "octo__owl.tar.gz", "owl-main", {"nest.py": module("nest")})
    both = f"github.inputs=['{small}/inputs/*.tar.gz', '{inputs}/octo__[fo]*.tar.gz']"
    run(config_of(copied, both), address="local")
    repositories = {uri.partition("@")[0] for uri in emitted(copied)}
    assert {"octo/owl", DOG} <= repositories
    assert not {CAT, "octo/fox"} & repositories
    assert verify(copied) == []


def test_an_interrupted_removal_is_ended_by_the_next(
    copied: Path, small: Path, tmp_path: Path, config_of: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then no run begins, and `verify` says so."""
    whole = tmp_path / "whole"
    shutil.copytree(small / "run", whole)
    remove(whole, {"repo": [CAT]})

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.removal.remove.finish_product", die)
        with pytest.raises(Killed):
            remove(copied, {"repo": [CAT]})
    assert any("interrupted" in problem.message for problem in verify(copied))
    with pytest.raises(StorageError, match="sluice remove"):
        run(config_of(copied), address="local")
    remove(copied, {})
    assert verify(copied) == []
    skipped = {"removals.parquet"}
    ours, theirs = product(copied), product(whole)
    assert {p: h for p, h in ours.items() if p not in skipped} == {
        p: h for p, h in theirs.items() if p not in skipped
    }


def test_what_cannot_be_meant_is_refused(copied: Path) -> None:
    """Before anything is written."""
    before = product(copied)
    for wanted, message in (
        ({}, "nothing to remove"),
        ({"doc_id": ["xyz"]}, "hexadecimal"),
        ({"doc_id": ["abc"]}, "6 to 32"),
    ):
        with pytest.raises(ConfigError, match=message):
            remove(copied, wanted)
    with pytest.raises(ConfigError, match="no such run folder"):
        remove(copied / "none", {"repo": [CAT]})
    assert product(copied) == before


def test_a_set_may_lose_everything(copied: Path, config_of: Configure) -> None:
    """Its files stay, without rows, and the product says so."""
    remove(copied, {"repo": [CAT, DOG]})
    files = sorted((copied / "shards" / "code").glob("*.parquet"))
    assert [pq.read_metadata(path).num_rows for path in files] == [0] * len(files)
    assert manifest(copied)["sets"]["code"]["samples"] == 0
    assert verify(copied) == []
    assert nothing_to_do(config_of(copied))


def test_a_mixture_that_is_no_longer_possible_is_no_obstacle(
    copied: Path, config_of: Configure
) -> None:
    """The documents leave; the next run says what to change."""
    config = config_of(copied, "emit.mixture={code = 60, natural = 40}")
    run(config, address="local")
    assert "mixture" in manifest(copied)
    removed = remove(copied, {"repo": [CAT, DOG]})
    assert removed.lacks is not None
    assert "code has the weight 60" in removed.lacks
    assert "mixture" not in manifest(copied)
    assert verify(copied) == []
    with pytest.raises(ConfigError, match="code has the weight 60"):
        run(config, address="local")


def test_verify_covers_the_list(copied: Path) -> None:
    """An entry that somebody takes away is missed."""
    remove(copied, {"repo": [CAT]})
    table = pq.read_table(copied / "removals.parquet")
    pq.write_table(table.slice(1), copied / "removals.parquet")
    assert [problem.path for problem in verify(copied)] == ["removals.parquet"]
