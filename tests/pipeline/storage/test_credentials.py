"""No password, signature or token is written, and none is needed to know an input again."""

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from pipeline.cli.progress.monitor import ProgressMonitor
from pipeline.configuration import load
from pipeline.run import plan, run
from pipeline.storage.credentials import require_plain
from pipeline.storage.intake.inputs import expand, open_input
from pipeline.storage.location import open_storage
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.receipts import Receipts
from stages.errors import ConfigError, InputError
from stages.recall.options import RecallOptions, role_of
from tests.pipeline.conftest import page, read_shards, write_warc


@dataclass
class Guarded:
    """A web server that hands out files to those who know the signature of the day."""

    folder: Path
    query: str = "X-Amz-Date=1&X-Amz-Credential=K%2FD&X-Amz-Signature=first5ecret"
    user: str = ""
    reads: list[str] = field(default_factory=list)
    url: str = ""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files for the right query and user, 403 for others."""

    def __init__(self, *arguments: Any, guarded: Guarded) -> None:
        self.guarded = guarded
        super().__init__(*arguments, directory=str(guarded.folder))

    def send_head(self) -> Any:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        user = base64.b64decode(given).decode()
        query = parse_qs(self.path.partition("?")[2])
        if query != parse_qs(self.guarded.query) or user != self.guarded.user:
            self.send_error(403)
            return None
        self.guarded.reads.append(self.command)
        return super().send_head()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    folder = tmp_path / "served"
    folder.mkdir()
    write_warc(folder / "crawl.warc.gz", {"https://example.org/a": page("A page", 6)})
    guarded = Guarded(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, guarded=guarded))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    guarded.url = f"127.0.0.1:{server.server_address[1]}/crawl.warc.gz"
    yield guarded
    server.shutdown()
    thread.join()
    server.server_close()


def written(folder: Path) -> str:
    """All that a run folder holds, ledgers and tables unpacked."""
    storage = open_storage(folder)
    texts = [path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*.json*")]
    for name in ("web/documents", "seeds/documents"):
        receipts = Receipts(storage, name).load().values()
        texts += [json.dumps(receipt.body(), default=dict) for receipt in receipts]
    tables = [*folder.glob("web/documents/*.parquet"), *folder.glob("quarantine/**/*.parquet")]
    texts += [str(pq.read_table(path).to_pylist()) for path in tables]
    return "\n".join(texts)


def run_logged(folder: Path, source: str) -> Any:
    config = load(None, [f"web.inputs={json.dumps([source])}"], folder)
    with ProgressMonitor(Console(stderr=True), folder) as monitor:
        return run(config, stages=["web.documents"], address="local", monitor=monitor)


def test_a_fresh_signature_is_the_same_input(guarded: Guarded, tmp_path: Path) -> None:
    """Nothing is read again, and nothing of either signature is written."""
    folder = tmp_path / "run"
    report = run_logged(folder, f"http://{guarded.url}?{guarded.query}")
    assert (report.steps["web.documents"].records, report.steps["web.documents"].quarantined) == (
        1,
        0,
    )
    guarded.query = "X-Amz-Date=2&X-Amz-Credential=K%2FD&X-Amz-Signature=second5ecret"
    n_reads = guarded.reads.count("GET")
    fresh = f"http://{guarded.url}?{guarded.query}"
    assert run_logged(folder, fresh).steps == {}
    assert guarded.reads.count("GET") == n_reads
    inputs = json.loads((folder / "inputs.json").read_text())["web"]
    assert [(one["name"], one["uri"]) for one in inputs] == [
        ("crawl.warc.gz", f"http://{guarded.url}")
    ]
    found = written(folder)
    assert "crawl.warc.gz" in found
    assert "5ecret" not in found
    assert "K%2FD" not in found


def test_an_expired_signature_is_nowhere_either(guarded: Guarded, tmp_path: Path) -> None:
    """The server's answer, which repeats the URL, is quarantined without it, and so is said why
    the corpus is empty."""
    folder = tmp_path / "run"
    with pytest.raises(InputError, match="unreadable") as failed:
        run_logged(folder, f"http://{guarded.url}?X-Amz-Signature=old5ecret")
    assert "5ecret" not in str(failed.value)
    assert read_shards(folder / "quarantine/web/documents").num_rows == 1
    found = written(folder)
    assert "unreadable" in found
    assert "5ecret" not in found


def test_a_user_and_password_open_an_input_and_are_not_written(
    guarded: Guarded, tmp_path: Path
) -> None:
    """Percent-encoded as URLs want it."""
    guarded.query, guarded.user = "", "me:p/5ecret"
    folder = tmp_path / "run"
    report = run_logged(folder, f"http://me:p%2F5ecret@{guarded.url}")
    assert report.steps["web.documents"].quarantined == 0
    found = written(folder)
    assert guarded.url in found
    assert "5ecret" not in found


def test_an_input_recorded_with_its_signature_loses_it(guarded: Guarded, tmp_path: Path) -> None:
    """A run folder of an earlier version: the input keeps its shard and is not read again."""
    folder = tmp_path / "run"
    url = f"http://{guarded.url}?{guarded.query}"
    run_logged(folder, url)
    path = folder / "inputs.json"
    path.write_text(path.read_text().replace(guarded.url, f"{guarded.url}?X-Amz-Signature=0ld"))
    config = load(None, [f"web.inputs={json.dumps([url])}"], folder)
    assert [item.n_stale for item in plan(config, stages=["web.documents"])] == [0]
    run_logged(folder, url)
    assert "0ld" not in path.read_text()


def test_an_input_shows_no_secret(guarded: Guarded) -> None:
    """Nor does its representation; it opens all the same."""
    (spec,) = expand("web", [f"http://{guarded.url}?{guarded.query}"])
    assert spec.name == "crawl.warc.gz"
    assert "5ecret" not in repr(spec)
    with open_input(spec) as stream:
        assert stream.read(2) == b"\x1f\x8b"


def test_one_object_by_two_urls_is_refused(guarded: Guarded) -> None:
    """What differs is no part of an input, so one of the two would be lost."""
    urls = [f"http://{guarded.url}?{guarded.query}", f"http://{guarded.url}?sig=5ecret"]
    with pytest.raises(ConfigError, match="two URLs that differ") as caught:
        expand("web", urls)
    assert "5ecret" not in str(caught.value)


@pytest.mark.parametrize("password", ["p/5ecret", "p?5ecret", "p#5ecret", "p@x/5ecret"])
def test_a_password_that_ends_the_host_is_refused(password: str) -> None:
    """Told how to write it, and not printed."""
    with pytest.raises(ConfigError, match="%2F") as caught:
        expand("web", [f"https://me:{password}@host.example/x.warc.gz"])
    assert "5ecret" not in str(caught.value)


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\u3000"])
def test_a_password_with_white_space_is_refused(space: str) -> None:
    """Nobody can tell where such a URL ends in a message."""
    with pytest.raises(ConfigError, match="white space in a URL that begins https://") as caught:
        expand("web", [f"https://me:5ec{space}ret@host.example/x.warc.gz"])
    assert "ret" not in str(caught.value).removesuffix("write %20")


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:5ecret@bucket/x.warc.gz",
        "s3://AKIA:5ec/ret@bucket/*.warc.gz",
        "gs://:5ecret@bucket/x.warc.gz",
        "az://account:5ecret@container/x.warc.gz",
    ],
)
def test_a_key_in_the_url_of_a_store_is_refused(url: str) -> None:
    """Not sent as the name of a bucket, which the store's client would print."""
    with pytest.raises(ConfigError, match="come from the environment") as caught:
        expand("web", [url])
    assert "5ec" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/a@b:c.warc.gz",
        "abfs://container@account.dfs.example/x.warc.gz",
        "s3://arn:aws:s3:eu:1:accesspoint/x/a@b.warc.gz",
    ],
)
def test_the_url_of_a_store_may_hold_an_at_sign(url: str) -> None:
    """In a key, and after a container."""
    require_plain("web.inputs", url)


def test_a_pattern_that_matches_nothing_is_told_without_its_query(guarded: Guarded) -> None:
    """The setting and the place are enough to find it."""
    place = f"http://{guarded.url.rpartition('/')[0]}"
    with pytest.raises(InputError, match="cannot be listed") as refused:
        expand("web", [f"{place}/*.gz?sig=5ecret"])
    assert "5ecret" not in str(refused.value)
    guarded.query, guarded.user = "", ":5ecret"
    with pytest.raises(ConfigError, match=r"nothing matches 'http://\*\*\*@.*") as caught:
        expand("web", [f"{place.replace('//', '//:5ecret@')}/*.zst"])
    assert "5ecret" not in str(caught.value)


def test_seeds_behind_a_signature_have_their_role() -> None:
    """A role goes by the base name."""
    seeds = ["https://host/code.jsonl.gz?X-Amz-Signature=a/b"]
    options = RecallOptions.model_validate({"targets": {"code": {"seeds": seeds}}})
    assert options.roles()[0] == ("code", ("code.jsonl.gz",))
    assert role_of("code.jsonl.gz", options.roles()) == "code"


@pytest.mark.parametrize(
    "endpoint", ["http://me:5ecret@127.0.0.1:9", "http://me:5e/cret@h", "http://h/?token=5ecret"]
)
def test_an_endpoint_with_a_password_is_refused(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At once: S3 knows no such credentials, and every attempt would print them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL") as caught:
        S3Store("bucket").head("key")
    assert "5e" not in str(caught.value)
    assert caplog.text == ""
