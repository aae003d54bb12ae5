"""`cc:CRAWL` is an input: its files are shards, in the crawl's order, fetched as they are read."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import Config, load
from pipeline.run import forecast, plan, run
from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.listing import CrawlFiles, parse_pattern, sample
from pipeline.storage.intake.inputs import expand
from stages.errors import BlockedError, ConfigError, StageError
from tests.pipeline.commoncrawl.bucket_server import BucketServer
from tests.pipeline.commoncrawl.conftest import CRAWL, N_FILES, key_of
from tests.pipeline.conftest import Sluice, read_shards

LIST = f"crawl-data/{CRAWL}/warc.paths.gz"
STAGE = ["web.documents"]


def configured(bucket: BucketServer, folder: Path, pattern: str, *overrides: str) -> Config:
    source = f"commoncrawl.source='{bucket.url}'"
    return load(None, [f"web.inputs=['{pattern}']", source, *overrides], folder)


def recorded(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "inputs.json").read_text())["web"]
    return rows


def test_a_crawl_is_read_by_its_name(
    bucket: BucketServer, crawl_files: dict[str, bytes], tmp_path: Path
) -> None:
    """One file is one shard, in the order of the list; documents are those of the files on a disk;
    nothing is stored, and every byte is asked for once."""
    run(configured(bucket, tmp_path / "run", f"cc:{CRAWL}"), stages=STAGE, address="local")
    rows = recorded(tmp_path / "run")
    listed = [key_of(n) for n in reversed(range(N_FILES))]
    assert [row["uri"] for row in rows] == [f"cc:{key}" for key in listed]
    assert [row["shard"] for row in rows] == list(range(N_FILES))
    (tmp_path / "disk").mkdir()
    for key in listed:
        (tmp_path / "disk" / key.rpartition("/")[2]).write_bytes(crawl_files[key])
    names = [f"'{tmp_path}/disk/{key.rpartition('/')[2]}'" for key in listed]
    config = load(None, [f"web.inputs=[{','.join(names)}]"], tmp_path / "local")
    run(config, stages=STAGE, address="local")
    remote, local = (read_shards(tmp_path / name / "web/documents") for name in ("run", "local"))
    assert remote.num_rows == 4 * N_FILES
    assert remote.equals(local)
    assert all(len(bucket.ranges(key)) == 1 for key in listed)
    stored = {path.suffix for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert ".gz" not in stored


def test_a_crawl_is_listed_once(bucket: BucketServer, tmp_path: Path) -> None:
    """What `inputs.json` has recorded is not asked for again, however the pattern is written."""
    folder = tmp_path / "run"
    run(configured(bucket, folder, f"cc:{CRAWL}?n=2&seed=3"), stages=STAGE, address="local")
    assert len(bucket.ranges(LIST)) == 1
    n_asked = len(bucket.asked)
    for pattern in (f"cc:{CRAWL}?seed=3&n=2", f"cc:{CRAWL}?n_warcs=2&seed=3&subset=warc"):
        config = configured(bucket, folder, pattern)
        assert run(config, stages=STAGE, address="local").steps == {}
    settings = ("commoncrawl.n_warcs=2", "commoncrawl.seed=3")
    config = configured(bucket, folder, f"cc:{CRAWL}", *settings)
    assert [item.n_stale for item in plan(config, stages=STAGE)] == [0]
    assert len(bucket.asked) == n_asked


def test_a_larger_sample_adds_to_a_smaller_one(bucket: BucketServer, tmp_path: Path) -> None:
    """Files that were read keep their shards and are not fetched again."""
    folder = tmp_path / "run"
    run(configured(bucket, folder, f"cc:{CRAWL}?n=2"), stages=STAGE, address="local")
    before = recorded(folder)
    report = run(configured(bucket, folder, f"cc:{CRAWL}?n=4"), stages=STAGE, address="local")
    after = recorded(folder)
    assert [row["uri"] for row in after[:2]] == [row["uri"] for row in before]
    assert len(after) == 4
    assert report.steps["web.documents"].tasks == 2
    assert {len(bucket.ranges(row["uri"].removeprefix("cc:"))) for row in after} == {1}


def test_a_sample_keeps_the_order_and_grows() -> None:
    """It goes by names and seed alone."""
    keys = [f"crawl-data/X/{n * 7919 % 1000}.warc.gz" for n in range(500)]
    chosen = [sample(keys, CrawlFiles("X", n=n, seed=5)) for n in (10, 100, 500, 501)]
    assert [len(one) for one in chosen] == [10, 100, 500, 500]
    for one in chosen:
        assert one == [key for key in keys if key in set(one)]
    assert set(chosen[0]) < set(chosen[1])
    assert sample(keys, CrawlFiles("X", n=10, seed=6)) != chosen[0]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("cc:", "names no crawl"),
        ("cc:../etc", "names no crawl"),
        (f"cc:{CRAWL}?m=3", "`m` is none of n, seed, subset"),
        (f"cc:{CRAWL}?n=0", "n = '0' is no number of files"),
        (f"cc:{CRAWL}?n=ten", "n = 'ten' is no number of files"),
        (f"cc:{CRAWL}?n=5&seed=-1", "seed = '-1' is no whole number"),
        (f"cc:{CRAWL}?subset=wet", "'wet' is none of warc, crawldiagnostics, robotstxt"),
    ],
)
def test_a_pattern_that_names_nothing_is_told_why(pattern: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_pattern(pattern, CommonCrawl())
    assert message in str(caught.value)


def test_a_crawl_that_is_not_there(bucket: BucketServer) -> None:
    """The message says what was looked for, and where crawls are listed."""
    crawl = CommonCrawl(source=bucket.url)
    with pytest.raises(ConfigError, match=r"CC-MAIN-2031-01/warc\.paths\.gz.*index\.commoncrawl"):
        expand("web", ["cc:CC-MAIN-2031-01"], crawl=crawl)
    with pytest.raises(ConfigError, match="inputs of the web alone"):
        expand("github", [f"cc:{CRAWL}"], crawl=crawl)
    with pytest.raises(ConfigError, match=r"commoncrawl\.source"):
        expand("web", [f"cc:{CRAWL}"], crawl=CommonCrawl(source="https://me:secret@host/"))
    with pytest.raises(ConfigError, match=r"commoncrawl\.keep"):
        expand("web", [f"cc:{CRAWL}"], crawl=CommonCrawl(bucket.url, keep="s3://bucket/kept"))


@pytest.mark.parametrize("fault", ["reset", "short", "hang-up", "500", "slow"])
def test_a_broken_connection_costs_nothing(
    bucket: BucketServer, tmp_path: Path, fault: str
) -> None:
    """Reading goes on behind the last byte that came; what is written is the same."""
    whole = configured(bucket, tmp_path / "whole", f"cc:{CRAWL}?n=2")
    run(whole, stages=STAGE, address="local")
    bucket.script = ["", fault, "", fault]
    bucket.asked.clear()
    config = configured(bucket, tmp_path / "broken", f"cc:{CRAWL}?n=2")
    report = run(config, stages=STAGE, address="local")
    assert report.steps["web.documents"].quarantined == 0
    one, other = (read_shards(tmp_path / name / "web/documents") for name in ("whole", "broken"))
    assert one.equals(other)
    if fault in ("reset", "short"):
        for row in recorded(tmp_path / "broken"):
            key = row["uri"].removeprefix("cc:")
            (first, _), (second, end) = bucket.ranges(key)
            size = len(bucket.files[key])
            assert (first, second, end) == (0, size // 2, size)


def test_a_file_that_is_gone_is_quarantined_and_tried_again(
    bucket: BucketServer, crawl_files: dict[str, bytes], tmp_path: Path
) -> None:
    """Its driver does not fetch it to find out."""
    config = configured(bucket, tmp_path / "run", f"cc:{CRAWL}?n=2")
    run(config, stages=["web.documents"], address="local")
    key = recorded(tmp_path / "run")[0]["uri"].removeprefix("cc:")
    folder = tmp_path / "gone"
    del bucket.files[key]
    config = configured(bucket, folder, f"cc:{CRAWL}?n=2")
    assert run(config, stages=STAGE, address="local").steps["web.documents"].quarantined == 1
    n_asked = len(bucket.asked)
    assert [item.n_stale for item in plan(config, stages=STAGE)] == [1]
    assert len(bucket.asked) == n_asked
    bucket.files[key] = crawl_files[key]
    report = run(config, stages=STAGE, address="local")
    assert (report.steps["web.documents"].tasks, report.steps["web.documents"].quarantined) == (
        1,
        0,
    )
    assert run(config, stages=STAGE, address="local").steps == {}


def test_a_block_ends_the_run_which_goes_on_later(
    bucket: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """403 says that we are not wanted: nothing more is asked for, nothing is quarantined, and the
    same command reads what is left."""
    folder = tmp_path / "run"
    config = tmp_path / "crawl.toml"
    config.write_text(
        f'[web]\ninputs = ["cc:{CRAWL}"]\n'
        f'[commoncrawl]\nsource = "{bucket.url}"\ncontact = "me@example.org"\n'
    )
    command = ["run", str(config), "--run", str(folder), "--address", "local"]
    command += ["--stage", "web.documents"]
    bucket.script = ["", "", "", "403"]
    code, _, told = sluice(*command)
    assert code == 1
    assert "403" in told
    assert "blocked" in told
    assert "sluice run" in told
    assert len(bucket.asked) == 4
    assert list(folder.glob("quarantine/**/*.parquet")) == []
    assert sluice(*command)[0] == 0
    assert len(bucket.asked) == 4 + N_FILES - 2
    assert read_shards(folder / "web/documents").num_rows == 4 * N_FILES
    assert all(one.agent.startswith("sluice/") for one in bucket.asked)
    assert all("(me@example.org)" in one.agent for one in bucket.asked)


def test_a_block_of_the_list_ends_the_run(bucket: BucketServer, tmp_path: Path) -> None:
    """Before anything is recorded."""
    bucket.script = ["403"]
    with pytest.raises(BlockedError, match="blocked this address"):
        run(configured(bucket, tmp_path / "run", f"cc:{CRAWL}"), address="local")
    assert not (tmp_path / "run/inputs.json").exists()


@pytest.mark.slow
def test_a_block_ends_a_run_on_ray(bucket: BucketServer, tmp_path: Path) -> None:
    """The workers share one gate: who was not told yet asks for nothing more."""
    config = configured(bucket, tmp_path / "run", f"cc:{CRAWL}")
    bucket.always = {key_of(n): "403" for n in range(N_FILES)}
    with pytest.raises(StageError, match="blocked this address"):
        run(config, stages=STAGE, workers=2)
    assert len(bucket.asked) <= 3  # the list, and a file for each worker that was on its way
    assert list((tmp_path / "run").glob("quarantine/**/*.parquet")) == []


@pytest.mark.slow
def test_workers_of_ray_share_the_connections(bucket: BucketServer, tmp_path: Path) -> None:
    """However many they are."""
    bucket.pause = 0.2
    config = configured(bucket, tmp_path / "run", f"cc:{CRAWL}", "commoncrawl.connections=1")
    report = run(config, stages=STAGE, workers=2)
    assert report.steps["web.documents"].tasks == N_FILES
    assert bucket.open_at_most == 1


def test_files_are_kept_where_that_is_asked_for(
    bucket: BucketServer, crawl_files: dict[str, bytes], tmp_path: Path
) -> None:
    """Whole ones alone, under their keys; another run reads them from there."""
    keep = f"commoncrawl.keep='{tmp_path}/kept'"
    bucket.script = ["", "", "reset"]
    run(configured(bucket, tmp_path / "a", f"cc:{CRAWL}?n=3", keep), stages=STAGE, address="local")
    kept = {path for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    keys = [row["uri"].removeprefix("cc:") for row in recorded(tmp_path / "a")]
    assert kept == {tmp_path / "kept" / key for key in keys}
    assert [(tmp_path / "kept" / key).read_bytes() for key in keys] == [
        crawl_files[key] for key in keys
    ]
    bucket.asked.clear()
    run(configured(bucket, tmp_path / "b", f"cc:{CRAWL}?n=3", keep), stages=STAGE, address="local")
    assert [one.key for one in bucket.asked] == [LIST]
    one, other = (read_shards(tmp_path / name / "web/documents") for name in "ab")
    assert one.equals(other)


def test_a_child_reads_what_this_process_reads(bucket: BucketServer, tmp_path: Path) -> None:
    """After a task killed its worker, over the one connection that its parent holds."""
    one = "commoncrawl.connections=1"
    for name in ("plain", "isolated"):
        if name == "isolated":
            marks = tmp_path / name / "scratch/attempts"
            marks.mkdir(parents=True)
            (marks / "web.documents-00000").touch()
        config = configured(bucket, tmp_path / name, f"cc:{CRAWL}?n=1", one)
        run(config, stages=STAGE, address="local")
    plain, isolated = (
        read_shards(tmp_path / name / "web/documents") for name in ("plain", "isolated")
    )
    assert plain.equals(isolated)


def test_files_that_were_read_from_a_disk_are_not_fetched_again(
    bucket: BucketServer, crawl_files: dict[str, bytes], tmp_path: Path
) -> None:
    """The end of their path is their key."""
    keys = [key_of(n) for n in reversed(range(N_FILES))]
    for key in keys:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(crawl_files[key])
    names = ",".join(f"'{tmp_path}/{key}'" for key in keys)
    config = load(None, [f"web.inputs=[{names}]"], tmp_path / "run")
    run(config, stages=STAGE, address="local")
    config = configured(bucket, tmp_path / "run", f"cc:{CRAWL}")
    assert run(config, stages=STAGE, address="local").steps == {}
    assert [one.key for one in bucket.asked] == [LIST]


def test_a_plan_takes_listed_files_to_have_their_usual_size(
    bucket: BucketServer, tmp_path: Path
) -> None:
    """Nobody asks for the size of 90,000 files to say what a crawl will cost."""
    config = configured(bucket, tmp_path / "run", f"cc:{CRAWL}")
    cost = forecast(config, stages=STAGE).cost
    (unit,) = (unit for unit in cost.units if unit.unit == "web.documents")
    assert unit.table_bytes > N_FILES * 10_000_000
    assert [one.key for one in bucket.asked] == [LIST]
