"""The same bucket over S3, through the real client."""

from pathlib import Path

import pytest

from pipeline.configuration import load
from pipeline.run import run
from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.bucket import Bucket
from pipeline.storage.intake.inputs import expand
from pipeline.storage.object_stores.s3 import S3Store
from stages.errors import BlockedError
from tests.pipeline.commoncrawl.conftest import CRAWL
from tests.pipeline.commoncrawl.test_selection import WHERE, command, index_of, warcs
from tests.pipeline.conftest import Sluice, read_shards
from tests.pipeline.object_store import BUCKET, FaultProxy

pytest.importorskip("moto")


@pytest.fixture
def source(proxy: FaultProxy, crawl_files: dict[str, bytes]) -> str:
    """The crawl, in a bucket of its own name's layout."""
    store = S3Store(BUCKET)
    for key, content in (crawl_files | index_of(crawl_files)).items():
        store.put(f"mirror/{key}", content)
    proxy.requests.clear()
    return f"s3://{BUCKET}/mirror"


@pytest.fixture(autouse=True)
def own_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


def test_a_crawl_is_read_from_s3(
    source: str, proxy: FaultProxy, crawl_files: dict[str, bytes], tmp_path: Path
) -> None:
    """One request a file; what breaks off goes on. A run that began here may go on over HTTPS:
    nothing of the source is in what is recorded."""
    proxy.script = ["", "truncate", "", "drop", "error"]
    patterns = [f"web.inputs=['cc:{CRAWL}?n=3']", f"commoncrawl.source='{source}'"]
    config = load(None, patterns, tmp_path / "run")
    report = run(config, stages=["web.documents"], address="local")
    assert report.steps["web.documents"].quarantined == 0
    assert read_shards(tmp_path / "run/web/documents").num_rows == 12
    assert len(proxy.requests) == 4 + 3
    assert BUCKET not in (tmp_path / "run/inputs.json").read_text()


def test_records_are_selected_and_fetched_from_s3(
    source: str, proxy: FaultProxy, tmp_path: Path, sluice: Sluice
) -> None:
    """Whatever happens meanwhile."""
    alone = (WHERE, "--connections", "1")
    assert sluice(*command(source, tmp_path / "calm", *alone))[0] == 0
    proxy.script = ["truncate", "", "error", "short", "", "drop", "truncate"]
    assert sluice(*command(source, tmp_path / "stormy", *alone))[0] == 0
    assert proxy.script == []
    calm_bytes, stormy_bytes = (
        [path.read_bytes() for path in warcs(tmp_path / name)] for name in ("calm", "stormy")
    )
    assert len(calm_bytes) == 1
    assert calm_bytes == stormy_bytes


def test_s3_asks_for_patience(source: str, proxy: FaultProxy) -> None:
    """`SlowDown` is the 503 of S3."""
    proxy.script = ["slow_down"]
    specs = expand("web", [f"cc:{CRAWL}"], crawl=CommonCrawl(source=source))
    assert len(specs) == 6
    assert proxy.injected == {"slow_down": 1}


def test_s3_refuses(source: str, proxy: FaultProxy) -> None:
    """403 ends it, whosever fault it is."""
    proxy.script = ["deny"]
    with pytest.raises(BlockedError, match=r"AccessDenied.*credentials"):
        Bucket(CommonCrawl(source=source)).read("x", 0, 1)
    assert len(proxy.requests) == 1
