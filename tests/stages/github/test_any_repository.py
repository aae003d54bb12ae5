"""Whatever a repository holds: nothing raises, and everything that is read is counted once."""

import contextlib
import csv
import gzip
import io
import os
import subprocess
import tarfile
import zipfile

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.contract import Input
from tests.stages.github.conftest import gather
from tests.stages.github.git.test_tree import ENVIRONMENT, git
from tests.stages.github.tables.dumps import json_lines, parquet, table

few = settings(max_examples=40, derandomize=True, deadline=None)

SEGMENTS = st.sampled_from(
    [
        "a",
        "b.c",
        "._a",
        "__MACOSX",
        "..",
        ".",
        "LICENSE",
        "n.ipynb",
        "x\\y",
        "C:",
        "ü",
        "\udcff",
        " ",
    ]
)
NAMES = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=12
)
PAYLOADS = st.binary(max_size=40) | st.sampled_from(
    [
        b'{"cells": [{"cell_type": "raw", "source": ["a", 1]}]}',
        b"\x00\x05\x16\x07 double",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
        "Größe".encode("utf-16-le"),
        b"SPDX-License-Identifier: MIT\n",
    ]
)
TAR_TYPES = st.sampled_from(
    [tarfile.REGTYPE] * 6 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"\x7a"]
)


def settled(got):
    """Documents, skipped and quarantined together."""
    return len(got.rows) + got.skipped.total() + len(got.quarantined)


@given(
    st.lists(st.tuples(NAMES, PAYLOADS, TAR_TYPES), max_size=8),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.none() | st.integers(0, 3000),
)
@few
def test_any_tar(members, layout, cut):
    """Names, types and contents of any kind; cut anywhere, the end is one record more."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=layout, errors="surrogateescape") as archive:
        for name, payload, type_ in members:
            info = tarfile.TarInfo(name)
            info.type = type_
            info.size = len(payload) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(payload))
    data = gzip.compress(buffer.getvalue(), mtime=0)[:cut]
    got = gather(Input("a__b.tar.gz", "a__b", lambda: io.BytesIO(data)))
    if cut is None or cut >= len(gzip.compress(buffer.getvalue(), mtime=0)):
        assert settled(got) == len(members)
    else:
        assert settled(got) <= len(members) + 1
        assert len(got.quarantined) >= 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(
    st.lists(st.tuples(NAMES, PAYLOADS, st.sampled_from([0, 3, 10])), max_size=8),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=1),
)
@few
def test_any_zip(members, damage):
    """Names and contents of any kind, from any system; with a few bytes overwritten at most one
    record more."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, payload, system in members:
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()
            info.create_system = system
            archive.writestr(info, payload)
    data = bytearray(buffer.getvalue())
    for place, noise in damage:
        data[place : place + len(noise)] = noise[: max(0, len(data) - place)]
    got = gather(Input("a__b.zip", "a__b", lambda: io.BytesIO(bytes(data))))
    assert settled(got) <= len(members) + 1
    if not damage:
        folders = sum(_is_folder(info) for info in zipfile.ZipFile(buffer).infolist())
        assert settled(got) == len(members) - folders


def _is_folder(info):
    name = info.orig_filename
    slashed = name.replace("\\", "/") if info.create_system != 3 or "/" not in name else name
    return slashed.endswith("/")


ENTRY_MODES = st.sampled_from([b"100644"] * 5 + [b"100755", b"120000", b"160000"])
GIT_NAMES = st.binary(min_size=1, max_size=9).map(lambda name: name.translate(None, b"\0/"))


@given(
    st.lists(st.tuples(GIT_NAMES.filter(bool), PAYLOADS, ENTRY_MODES), max_size=6), st.booleans()
)
@settings(max_examples=12, derandomize=True, deadline=None)
def test_any_git_tree(tmp_path_factory, entries, is_missing):
    """Names of any bytes, modes and contents; with an object missing it alone is lost."""
    folder = tmp_path_factory.mktemp("any")
    git(folder, "init", "-q", "--bare", ".")
    lines, blobs = [], []
    for name, payload, mode in sorted({name: (name, *rest) for name, *rest in entries}.values()):
        blob = _write(folder, "blob", payload)
        blobs.append(blob)
        lines.append(mode + b" " + name + b"\0" + bytes.fromhex(blob))
    tree = _write(folder, "tree", b"".join(lines), "--literally")
    commit = git(folder, "commit-tree", tree, "-m", "Any")
    git(folder, "update-ref", "refs/heads/any", commit)
    git(folder, "bundle", "create", "-q", "any.bundle", "refs/heads/any")
    data = (folder / "any.bundle").read_bytes()
    assert settled(gather(Input("a__b.bundle", "a__b", lambda: io.BytesIO(data)))) == len(lines)
    if is_missing and blobs:
        os.unlink(folder / "objects" / blobs[0][:2] / blobs[0][2:])
    assert settled(gather(Input("a__b", str(folder), folder=folder))) == len(lines)


def _write(folder, kind, data, *options):
    command = ["git", "hash-object", "-w", "-t", kind, *options, "--stdin"]
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, input=data, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


TEXTS = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
ROWS = st.fixed_dictionaries(
    {
        "content": TEXTS,
        "path": st.none() | NAMES.filter(lambda name: name.isprintable()),
        "repo_name": st.sampled_from(["a/b", "A/b", "no name", "", None]),
        "stars": st.sampled_from([0, 7, -1, None]),
    }
)


COLUMNS = pa.schema(
    [
        ("content", pa.string()),
        ("path", pa.string()),
        ("repo_name", pa.string()),
        ("stars", "int64"),
    ]
)


@given(st.lists(ROWS, min_size=1, max_size=12), st.sampled_from(["parquet", "jsonl", "jsonl.gz"]))
@few
def test_any_table(rows, kind):
    """Rows of any contents, names, repositories and counts: each is one record."""
    columns = {"text": "content", "path": "path", "repo": "repo_name", "stars": "stars"}
    data = parquet(pa.Table.from_pylist(rows, COLUMNS)) if kind == "parquet" else json_lines(rows)
    data = gzip.compress(data) if kind.endswith("gz") else data
    assert settled(gather(table(data, f"x.{kind}"), columns=columns)) == len(rows)


@given(st.lists(st.lists(ROWS, max_size=4), min_size=1, max_size=6), st.booleans())
@few
def test_any_table_of_repositories(repositories, is_parquet):
    """Files in lists: each is one record, and a list without files is none."""
    rows = [{"repo": f"a/{n}", "files": files} for n, files in enumerate(repositories)]
    columns = {"text": "files.content", "path": "files.path", "repo": "repo"}
    schema = pa.schema([("repo", pa.string()), ("files", pa.list_(pa.struct(list(COLUMNS))))])
    data = parquet(pa.Table.from_pylist(rows, schema)) if is_parquet else json_lines(rows)
    name = "x.parquet" if is_parquet else "x.jsonl"
    n_files = sum(map(len, repositories))
    if is_parquet or n_files:
        assert settled(gather(table(data, name), columns=columns)) == n_files


@given(
    st.lists(
        st.tuples(NAMES, st.booleans(), st.sampled_from(["", "3", "-1", "x", "1" * 30])),
        max_size=6,
        unique_by=lambda entry: entry[0],
    )
)
@few
def test_any_installed_package(tmp_path_factory, entries):
    """Whatever RECORD names, whether it is there or not."""
    site = tmp_path_factory.mktemp("site")
    info = site / "x-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: x\nVersion: 1\n")
    stored = {name.encode("utf-8", "replace").decode(): rest for name, *rest in entries}
    with (info / "RECORD").open("w", newline="", encoding="utf-8") as record:
        csv.writer(record).writerows((name, "", size) for name, (_, size) in stored.items())
    for name, (is_there, _) in stored.items():
        path = site / name
        if is_there and path.resolve().is_relative_to(site):
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"x = 1\n")
    assert settled(gather(Input("installed:x", str(site), folder=site))) == len(stored)
