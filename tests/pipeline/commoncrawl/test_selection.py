"""`sluice crawl commoncrawl`: records chosen by the index are the crawl's own."""

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from pipeline.commoncrawl.index import COLUMNS
from pipeline.commoncrawl.records import GAP_BYTES, RANGE_BYTES, Place, coalesce, cut, with_source
from pipeline.configuration import load
from pipeline.run import run
from stages.errors import InputError
from tests.pipeline.commoncrawl.bucket_server import BucketServer, incompressible
from tests.pipeline.commoncrawl.conftest import CRAWL, N_FILES, key_of
from tests.pipeline.conftest import Sluice, read_shards

INDEX = f"cc-index/table/cc-main/warc/crawl={CRAWL}/subset"
OLD = f"{INDEX}=warc/part-00000-a.c000.gz.parquet"
NEW = f"{INDEX}=warc/part-00001-a.c000.gz.parquet"
WHERE = "url_host_registered_domain in ('site1.org', 'site4.org') and url_host_name like 'www0%'"


def captures(numbers: range, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The index's rows for these files of the crawl."""
    rows: list[dict[str, Any]] = []
    for number in numbers:
        data, offset = files[key_of(number)], 0
        for page in range(4):
            decoder = zlib.decompressobj(31)
            decoder.decompress(data[offset:])
            length = len(data) - offset - len(decoder.unused_data)
            host = f"www{page % 3}.site{number}.org"
            rows.append(
                {
                    "url": f"https://{host}/{page}",
                    "url_host_name": host,
                    "url_host_registered_domain": f"site{number}.org",
                    "fetch_status": 200,
                    "warc_filename": key_of(number),
                    "warc_record_offset": offset,
                    "warc_record_length": length,
                    "content_languages": "eng" if page else "deu,eng",
                }
            )
            offset += length
    return rows


def parquet(
    rows: list[dict[str, Any]], *, without: tuple[str, ...] = (), row_group_size: int = 8
) -> bytes:
    types = {"INTEGER": pa.int32(), "SMALLINT": pa.int16(), "BIGINT": pa.int64()}
    fields = [
        pa.field(name, pa.timestamp("ms") if kind == "TIMESTAMP" else types.get(kind, pa.string()))
        for name, kind in COLUMNS.items()
        if name not in without
    ]
    stream = io.BytesIO()
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields))
    pq.write_table(table, stream, row_group_size=row_group_size, compression="gzip")
    return stream.getvalue()


def index_of(files: dict[str, bytes]) -> dict[str, bytes]:
    """The crawl's index and the list of its files: the older one lacks the columns that came
    later."""
    lacking = ("fetch_redirect", "content_languages", "content_truncated")
    keys = [f"{INDEX}=robotstxt/part-00000.parquet", OLD, NEW]
    return {
        OLD: parquet(captures(range(3), files), without=lacking),
        NEW: parquet(captures(range(3, N_FILES), files)),
        f"crawl-data/{CRAWL}/cc-index-table.paths.gz": gzip.compress("\n".join(keys).encode()),
    }


@pytest.fixture
def indexed(bucket: BucketServer) -> BucketServer:
    """The bucket with its index."""
    bucket.files |= index_of(bucket.files)
    return bucket


def command(bucket: BucketServer | str, out: Path, where: str = WHERE, *more: str) -> list[str]:
    source = bucket if isinstance(bucket, str) else bucket.url
    fixed = ["crawl", "commoncrawl", CRAWL, "--source", source, "-o", str(out)]
    return [*fixed, "--where", where, *more]


def warcs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.warc.gz"))


def test_selected_records_keep_their_identities(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """Documents are those that the whole crawl gives, field by field."""
    code, out, err = sluice(*command(indexed, tmp_path / "some"))
    assert (err, code) == ("", 0)
    assert "1 file, 4 records" in out
    assert f"web.inputs = ['{tmp_path}/some/*.warc.gz']" in out
    config = load(None, [f"web.inputs=['{tmp_path}/some/*.warc.gz']"], tmp_path / "a")
    run(config, stages=["web.documents"], address="local")
    overrides = [f"web.inputs=['cc:{CRAWL}']", f"commoncrawl.source='{indexed.url}'"]
    run(load(None, overrides, tmp_path / "b"), stages=["web.documents"], address="local")
    some, whole = (read_shards(tmp_path / name / "web/documents").to_pylist() for name in "ab")
    by_id = {row["doc_id"]: row for row in whole}
    assert len(some) == 4
    assert [by_id[row["doc_id"]] for row in some] == some
    assert {row["domain"] for row in some} == {"site1.org", "site4.org"}
    assert {row["warc"] for row in some} == {key_of(n).rpartition("/")[2] for n in (1, 4)}


def test_what_is_written_is_a_warc_for_everybody(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """Another reader finds the records, and where they came from."""
    sluice(*command(indexed, tmp_path / "some"))
    (path,) = warcs(tmp_path / "some")
    with path.open("rb") as stream:
        found = [
            (record.rec_headers["WARC-Source-URI"], record.rec_headers["WARC-Source-Range"])
            for record in ArchiveIterator(stream)
            if b"Page" in record.content_stream().read()
        ]
    expected = []
    for row in captures(range(N_FILES), indexed.files):
        if row["url_host_name"] in ("www0.site1.org", "www0.site4.org"):
            start, length = row["warc_record_offset"], row["warc_record_length"]
            uri = f"https://data.commoncrawl.org/{row['warc_filename']}"
            expected.append((uri, f"bytes={start}-{start + length - 1}"))
    assert sorted(found) == sorted(expected)


def test_a_dry_run_fetches_no_record(indexed: BucketServer, tmp_path: Path, sluice: Sluice) -> None:
    """It says what there is; the command itself then asks nothing of the index."""
    folder = tmp_path / "some"
    code, out, _ = sluice(*command(indexed, folder, WHERE, "--dry-run"))
    sizes = [
        row["warc_record_length"]
        for row in captures(range(N_FILES), indexed.files)
        if row["url_host_name"] in ("www0.site1.org", "www0.site4.org")
    ]
    assert code == 0
    assert f"4 records, {sum(sizes) / 1000:.1f} kB" in out
    assert warcs(folder) == []
    assert not any("/segments/" in one.key for one in indexed.asked)
    indexed.asked.clear()
    assert sluice(*command(indexed, folder))[0] == 0
    assert {one.key for one in indexed.asked} == {key_of(1), key_of(4)}
    indexed.asked.clear()
    before = [path.read_bytes() for path in warcs(folder)]
    assert sluice(*command(indexed, folder))[0] == 0
    assert indexed.asked == []
    assert [path.read_bytes() for path in warcs(folder)] == before


def test_columns_that_an_old_index_lacks_are_null(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """Old captures are found by asking for null, and by nothing else."""
    asked = {
        "content_languages like '%deu%'": 3,
        "content_languages is null": 12,
        "coalesce(content_languages, 'eng') = 'eng' -- a remark": 21,
        "crawl = 'CC-MAIN-2024-10' and subset = 'warc'": 24,
    }
    for number, (where, n_records) in enumerate(asked.items()):
        _, out, _ = sluice(*command(indexed, tmp_path / str(number), where, "--dry-run"))
        assert out.startswith(f"{n_records} records"), where


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("url_host = 'x'", "url_host_name"),
        ("url like", "syntax error"),
        ("fetch_status = 'many'", "many"),
    ],
)
def test_a_condition_that_cannot_be_asked_is_told_at_once(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice, where: str, message: str
) -> None:
    """Nothing is requested, nothing is written; exit code 2."""
    code, _, err = sluice(*command(indexed, tmp_path / "some", where))
    assert code == 2
    assert "--where" in err
    assert message in err
    assert indexed.asked == []
    assert not (tmp_path / "some").exists()


def test_a_folder_holds_one_selection(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """Another one is refused, naming what is there."""
    assert sluice(*command(indexed, tmp_path / "some"))[0] == 0
    code, _, err = sluice(*command(indexed, tmp_path / "some", "url_host_tld = 'org'"))
    assert code == 2
    assert WHERE in err


def test_a_block_ends_the_command_which_goes_on_later(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """In the index as in the files; what is written in the end is the same."""
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    more = ("fetch_status = 200", "--file-bytes", "1500", "--connections", "1")
    assert sluice(*command(indexed, calm, *more))[0] == 0
    assert len(warcs(calm)) > 3
    indexed.script = ["", "", "403"]
    code, _, err = sluice(*command(indexed, stormy, *more))
    assert (code, "blocked this address" in err) == (1, True)
    indexed.always = {key_of(3): "403"}
    indexed.script = ["reset"]
    code, _, err = sluice(*command(indexed, stormy, *more))
    assert (code, "blocked this address" in err) == (1, True)
    assert 0 < len(warcs(stormy)) < len(warcs(calm))
    indexed.always = {}
    indexed.asked.clear()
    assert sluice(*command(indexed, stormy, *more))[0] == 0
    asked = {one.key for one in indexed.asked}
    assert {key_of(3), key_of(5)} <= asked
    assert asked.isdisjoint({key_of(0), key_of(2), OLD, NEW})
    assert [(path.name, path.read_bytes()) for path in warcs(stormy)] == [
        (path.name, path.read_bytes()) for path in warcs(calm)
    ]


def test_records_that_cannot_be_had_are_told(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """A file that is gone and bytes that are no record cost themselves alone."""
    del indexed.files[key_of(1)]
    damaged = bytearray(indexed.files[key_of(4)])
    damaged[20:40] = bytes(20)
    indexed.files[key_of(4)] = bytes(damaged)
    code, out, _ = sluice(*command(indexed, tmp_path / "some"))
    assert code == 0
    assert "3 records could not be had" in out
    (path,) = (tmp_path / "some").glob("*.problems.jsonl")
    problems = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(one["warc"], one["offset"] == 0) for one in problems] == [
        (key_of(4), True),
        (key_of(1), True),
        (key_of(1), False),
    ]
    again = sluice(*command(indexed, tmp_path / "some"))
    assert "3 records could not be had" in again[1]


def test_a_selection_of_which_nothing_can_be_had_is_a_failure(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """Such as a mirror that has the index alone; and so is a place that is no folder."""
    for number in range(N_FILES):
        del indexed.files[key_of(number)]
    code, _, err = sluice(*command(indexed, tmp_path / "some"))
    assert (code, "none of 4 records could be had" in err) == (1, True)
    code, _, err = sluice(*command(indexed, Path("s3://bucket/some")))
    assert (code, "s3://bucket/some: expected a folder" in err) == (2, True)


def test_a_line_end_too_many_is_no_damage() -> None:
    """Before a record; it is written without."""
    plain = b"WARC/1.0\r\nWARC-Type: response\r\n\r\nblock\r\n\r\n"
    place = Place("a", 0, 100, "")
    one, other = (
        gzip.decompress(with_source(gzip.compress(before + plain), place))
        for before in (b"", b"\r\n")
    )
    assert one == other
    assert one.startswith(b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Source-URI: ")


def test_neighbours_are_fetched_together() -> None:
    """Of one file, not too far apart, not too much at once."""
    near = GAP_BYTES - 1
    places = [
        Place("a", 0, 100, ""),
        Place("a", 100 + near, 200 + near, ""),
        Place("a", 300 + 3 * near, 300 + 3 * near + RANGE_BYTES, ""),
        Place("a", 400 + 3 * near + RANGE_BYTES, 500 + 3 * near + RANGE_BYTES, ""),
        Place("b", 0, 50, ""),
    ]
    assert [len(one.places) for one in coalesce(places)] == [2, 1, 1, 1]
    assert [place for one in coalesce(places) for place in one.places] == places
    assert [len(one) for one in cut(places, 150)] == [2, 1, 2]
    assert cut([], 10) == []


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no record", mtime=0),
        gzip.compress(b"WARC/1.0\r\n\r\n", mtime=0)[:-9],
    ],
)
def test_what_is_no_record_is_an_error(stored: bytes) -> None:
    with pytest.raises(InputError):
        with_source(stored, Place("a", 0, len(stored), ""))


def test_what_a_condition_rules_out_is_not_fetched(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice
) -> None:
    """Row groups by their minimum and maximum, columns that nobody asked for."""
    noise = incompressible(2000 * 600)
    rows = [
        {
            "url": f"https://site{n:05d}.org/",
            "url_host_registered_domain": f"site{n:05d}.org",
            "url_path": noise[600 * n :][:600].hex(),
            "warc_filename": key_of(0),
            "warc_record_offset": n,
            "warc_record_length": 100,
        }
        for n in range(2000)
    ]
    indexed.files[NEW] = parquet(rows, row_group_size=100)
    where = "url_host_registered_domain = 'site01234.org' and url like '%org/'"
    _, out, _ = sluice(*command(indexed, tmp_path / "some", where, "--dry-run"))
    assert out.startswith("1 record, 100 B")
    size = len(indexed.files[NEW])
    fetched = sum(min(one.end, size) - one.start for one in indexed.asked if one.key == NEW)
    assert fetched < size / 3
    assert len(indexed.ranges(NEW)) <= 6


def test_an_interrupted_command_asks_for_nothing_more(
    indexed: BucketServer, tmp_path: Path, sluice: Sluice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that it resumes."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.commoncrawl.selection.select", interrupt)
    code, _, err = sluice(*command(indexed, tmp_path / "some"))
    assert (code, err) == (130, "sluice: interrupted; the same command resumes\n")
