"""The source as the engine sees it."""

import io

import pyarrow as pa
import pytest

from schemas.documents import GITHUB_DOCUMENTS
from schemas.identity import doc_id
from stages.contract import SKIPPED, Input, Source
from stages.github.options import GithubOptions
from stages.github.stage import GithubSource


def raw_batch(files):
    """A raw batch of (path, payload) pairs."""
    fixed = {"repo": "a/b", "revision": "r", "repo_created_at": None, "stars": 1, "license": None}
    rows = [
        {"origin": f"a/b@r:{path}", "offset": None, "path": path, "payload": payload, **fixed}
        for path, payload in files
    ]
    return pa.RecordBatch.from_pylist(rows, schema=GithubSource.raw_schema)


def convert(files):
    return GithubSource(GithubOptions()).convert(raw_batch(files))


def test_it_is_a_source():
    """The protocol of the contract holds, and options refuse unknown keys."""
    assert isinstance(GithubSource(GithubOptions()), Source)
    limits = {
        "max_file_bytes": 16 << 20,
        "max_archive_bytes": 8 << 30,
        "max_files": 1_000_000,
        "git_seconds": 30.0,
    }
    assert GithubOptions().model_dump().items() >= limits.items()


def test_convert_writes_the_documents_table():
    """Columns, types and identity are the contract's; a skipped row holds a null text."""
    got = convert([("a.c", "ö".encode()), ("b.png", b"x"), ("c.txt", b"")])
    assert got.schema.names == [*GITHUB_DOCUMENTS.names, SKIPPED]
    assert [field.type for field in got.schema][:-1] == [f.type for f in GITHUB_DOCUMENTS]
    assert got["doc_id"].to_pylist() == [doc_id(f"a/b@r:{p}") for p in ("a.c", "b.png", "c.txt")]
    assert got["text"].to_pylist() == ["ö", None, ""]
    assert got["n_bytes"].to_pylist() == [2, None, 0]
    assert got[SKIPPED].to_pylist() == [None, "binary", None]


def test_convert_of_nothing():
    """An empty batch converts to an empty batch."""
    assert convert([]).num_rows == 0


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("README", "markdown"),
        ("docs/a.md", "markdown"),
        ("a.MDX", "markdown"),
        ("a.Rmd", "markdown"),
        ("Readme", "markdown"),
        ("README.c", "source"),
        ("CMakeLists.txt", "source"),
        ("notes.txt", "source"),
        ("a.rst", "source"),
        ("md", "source"),
        ("a.ipynb", "source"),
    ],
)
def test_kinds(path, kind):
    """Markdown by extension and bare READMEs; all else is source, for `language` to judge."""
    assert convert([(path, b"x")])["kind"].to_pylist() == [kind]


def test_broken_notebooks_stay_raw():
    """A notebook becomes a script, one that is broken keeps its text."""
    good = b'{"cells": [{"cell_type": "code", "source": "x = 1"}]}'
    got = convert([("a.ipynb", good), ("b.ipynb", b'{"cells": [')])
    assert got["text"].to_pylist() == ["x = 1\n", '{"cells": [']


def test_large_files_are_counted_not_read(read_bytes):
    """`max_file_bytes` is inclusive."""
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for size in (99, 100, 101):
            info = tarfile.TarInfo(f"t/{size}.txt")
            info.size = size
            archive.addfile(info, io.BytesIO(b"x" * size))
    got = read_bytes("a__b.tar", buffer.getvalue(), max_file_bytes=100)
    assert [len(text) for text in got.texts.values()] == [99, 100]
    assert got.skipped == {"too_large": 1}


def test_a_failing_connection_is_not_bad_data():
    """An error of the stream is raised for the engine to retry, never quarantined."""

    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise ConnectionResetError("gone")

    source = Input("a__b.tar.gz", "https://example.org/a__b.tar.gz", Broken)
    with pytest.raises(ConnectionResetError):
        list(GithubSource(GithubOptions()).read(source))


def test_reading_twice_gives_the_same_bytes(real_archives):
    """Documents depend on the input alone."""
    path = min(real_archives, key=lambda path: path.stat().st_size)

    def read():
        stage = GithubSource(GithubOptions())
        source = Input(path.name, str(path), lambda: path.open("rb"))
        return [stage.convert(e) for e in stage.read(source) if isinstance(e, pa.RecordBatch)]

    assert read() == read()
