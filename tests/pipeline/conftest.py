"""Small real inputs, runs over them, and the command line, shared by the pipeline's tests."""

import gzip
import io
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipeline.cli import main
from pipeline.configuration import Config, load
from pipeline.run import run
from pipeline.storage.ledger_names import LEDGER_SUFFIX
from tests.pipeline.headless import chromium
from tests.pipeline.object_store import FaultProxy, environment, faulty, serve_store

STANDARD_LIBRARY = Path(sys.modules["json"].__file__ or "").parents[1]
Sluice = Callable[..., tuple[int, str, str]]

MODULES = ("json", "email", "logging", "html", "urllib", "wsgiref", "xml", "importlib")


def write_tar(path: Path, top: str, files: Mapping[str, bytes], commit: str = "0" * 40) -> Path:
    """A repository archive as codeload gives them: top folder and commit in the pax header."""
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": commit}
    ) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return path


def write_warc(path: Path, pages: Mapping[str, str], date: str = "2024-05-17T00:00:00Z") -> Path:
    """A crawl with one response per page."""
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for number, (url, html) in enumerate(pages.items()):
            headers = StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
            )
            record = writer.create_warc_record(
                url,
                "response",
                payload=io.BytesIO(html.encode()),
                http_headers=headers,
                warc_headers_dict={
                    "WARC-Date": date,
                    "WARC-Record-ID": f"<urn:uuid:00000000-0000-0000-0000-{number:012d}>",
                },
            )
            writer.write_record(record)
            record.raw_stream.close()
    return path


def page(title: str, paragraphs: int) -> str:
    body = "".join(
        f"<p>{title}: paragraph {n} says something long enough to be worth reading.</p>"
        for n in range(paragraphs)
    )
    return f"<html><head><title>{title}</title></head><body><main>{body}</main></body></html>"


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories made of the standard library's packages (with a copy of one), and a crawl."""
    folder = tmp_path_factory.mktemp("inputs")
    for module in MODULES:
        files = {
            f"{module}/{path.name}": path.read_bytes()
            for path in sorted((STANDARD_LIBRARY / module).glob("*.py"))
        }
        files["README.md"] = f"# {module}\n\nPart of the standard library.\n".encode()
        files["data.json"] = b'{"a": 1}'
        files["long.py"] = b"x = '" + b"a" * 1200 + b"'\n"
        write_tar(folder / f"python__{module}.tar.gz", f"{module}-main", files)
    copies = {p.name: p.read_bytes() for p in sorted((STANDARD_LIBRARY / "json").glob("*.py"))}
    write_tar(folder / "someone__json-copy.tar.gz", "json-copy-main", copies, commit="1" * 40)
    for number in range(3):
        pages = {
            f"https://host{n % 4}.example.com/page/{number}/{n}?utm_source=x": page(f"Page {n}", 5)
            for n in range(20)
        }
        pages["http://www.example.org/same"] = page("The same page", 8)
        write_warc(folder / f"crawl-{number}.warc.gz", pages, f"2024-05-1{number}T00:00:00Z")
    return folder


def configured(inputs: Path, folder: Path, *overrides: str) -> Config:
    """A configuration over the inputs, several shards on each side; its reports are tested by
    themselves."""
    return load(
        None,
        [
            f"github.inputs=['{inputs}/*.tar.gz']",
            f"web.inputs=['{inputs}/*.warc.gz']",
            "github.shard_bytes=60000",
            "tokens.store='always'",
            "report=false",
            *overrides,
        ],
        folder,
    )


@pytest.fixture(scope="session")
def finished_run(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run over the inputs, in this process: to be read, or copied and changed."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(configured(inputs, folder), address="local")
    return folder


@pytest.fixture
def configure(inputs: Path) -> Callable[..., Config]:
    """`configured` over the inputs."""
    return partial(configured, inputs)


def product(run: Path) -> dict[str, str]:
    """Path → hash of everything a run promises byte for byte."""
    return {
        path.relative_to(run).as_posix(): xxhash.xxh3_128_hexdigest(path.read_bytes())
        for path in sorted(run.rglob("*"))
        if path.suffix == ".parquet"
        or (path.parent == run / "shards" and path.suffix != LEDGER_SUFFIX)
        if not path.relative_to(run).as_posix().startswith("scratch/") and path.is_file()
    }


def read_shards(folder: Path, columns: list[str] | None = None) -> pa.Table:
    """All shards of a data folder: its `*.parquet`."""
    return pa.concat_tables(
        pq.read_table(path, columns=columns) for path in sorted(folder.glob("*.parquet"))
    )


@pytest.fixture
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    """The URL of an S3 store on loopback."""
    with serve_store() as url:
        yield url


@pytest.fixture
def proxy(backend: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """A proxy in front of the store, to which the environment points."""
    with faulty(backend) as proxy:
        for name, value in environment(proxy.url).items():
            monkeypatch.setenv(name, value)
        yield proxy


@pytest.fixture
def sluice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sluice:
    """Runs the command line in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sluice", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call
