"""Tables, metadata, labels and annotations that users bring: read, or refused in one sentence."""

import io
import json
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.recall.classifier import score_table
from pipeline.recall.labels import read_labels
from pipeline.storage.intake.inputs import expand
from pipeline.storage.intake.repository_metadata import read_metadata
from pipeline.storage.user_tables import column_names, read_rows
from stages.errors import InputError, SluiceError
from stages.recall.classifier.model import load_model, nothing_learned
from stages.recall.sites.annotations import read_annotations
from tests.pipeline.conftest import Sluice

NAMES = ["text", "url", "doc_id", "label", "input", "repo", "stars", "warc", "offset", "scorable"]
TYPES = [
    *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.binary(16)),
    *(pa.int64(), pa.float64(), pa.bool_(), pa.null(), pa.timestamp("us"), pa.decimal128(5, 2)),
    *(pa.list_(pa.string()), pa.struct([("a", pa.int64())]), pa.map_(pa.string(), pa.int64())),
    pa.dictionary(pa.int32(), pa.string()),
]
VALUES = ["a\x00é", b"\xff", 3, float("nan"), True]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=8,
)
LINES = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), JSON, min_size=1, max_size=6).map(
        lambda record: json.dumps(record).encode()
    ),
    st.binary(max_size=40),
    st.sampled_from(
        [
            b"[" * 3_000,
            b'{"text": ' + b"9" * 5_000 + b"}",
            b'{"text": "\\ud800", "input": "\\ud800"}',
            b'{"text": 1e999, "stars": 1e999}',
            b'\xef\xbb\xbf{"text": "x"}',
            b"nul\0",
        ]
    ),
)
JSONL = st.lists(LINES, max_size=5).map(lambda lines: ("table.jsonl", b"\n".join(lines)))


def column(kind: pa.DataType, rows: int) -> pa.Array:
    for value in VALUES:
        try:
            return pa.array([value] * rows, kind)
        except (pa.ArrowException, TypeError, ValueError):
            continue
    return pa.nulls(rows, kind)


@st.composite
def parquet(draw: st.DrawFn) -> tuple[str, bytes]:
    """A Parquet file of odd columns, whole, cut or with bytes changed."""
    fields = draw(
        st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(TYPES)), min_size=1, max_size=5)
    )
    rows = draw(st.integers(0, 3))
    arrays = [column(kind, rows) for _, kind in fields]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=[name for name, _ in fields]), sink)
    data = bytearray(sink.getvalue())
    harm = draw(st.sampled_from(["none", "cut", "change"]))
    if harm == "cut":
        data = data[: draw(st.integers(0, len(data)))]
    elif harm == "change":
        for _ in range(draw(st.integers(1, 5))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return "table.parquet", bytes(data)


def refusal(read: Callable[[], Any]) -> str | None:
    """Why it was refused; None if it was read."""
    try:
        read()
    except SluiceError as error:
        return str(error)
    return None


def read_repositories(path: Path) -> None:
    read_metadata(str(path))


def read_all(path: Path) -> None:
    there = column_names(path)
    wanted = {"text": pa.large_string(), "label": pa.string(), "offset": pa.int64()}
    for _ in read_rows(path, {name: kind for name, kind in wanted.items() if name in there}):
        pass


@pytest.mark.parametrize("read", [read_all, read_labels, read_repositories])
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(given=JSONL | parquet())
def test_any_table_is_read_or_refused(
    read: Callable[[Path], Any], tmp_path: Path, given: tuple[str, bytes]
) -> None:
    """By what a user made of it, or a disk."""
    path = tmp_path / given[0]
    path.write_bytes(given[1])
    message = refusal(lambda: read(path))
    assert message is None or str(path) in message


ANNOTATIONS = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from(
            [
                *("version = 1", "version = 2", "[[pattern]]", "[pattern]", "pattern = [["),
                *('pattern = "a.org/"', 'target = "code"', "accept = true", "accept = 1"),
                *("at = 2020-01-01", 'author = "x"', "x = 1", f"a = {'9' * 5_000}", "[" * 3_000),
            ]
        ),
        max_size=9,
    ).map(lambda lines: "\n".join(lines).encode()),
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(ANNOTATIONS)
def test_any_annotations_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    """The message names the file."""
    path = tmp_path / "annotations.toml"
    path.write_bytes(content)
    message = refusal(lambda: read_annotations([str(path)]))
    assert message is None or str(path) in message


@settings(max_examples=100)
@given(st.data())
def test_any_damaged_model_is_refused(data: st.DataObject) -> None:
    """And does not take the process with it: Arrow trusts the offsets of a file."""
    model = bytearray(nothing_learned(1, 1).to_bytes())
    place = data.draw(st.integers(0, len(model) - 1))
    model[place : place + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
    message = refusal(lambda: load_model(bytes(model)))
    assert message is None or "recall model" in message or "tokens" in message


def test_a_model_that_is_none_is_named(tmp_path: Path) -> None:
    """The file is in the message."""
    (tmp_path / "m.arrow").write_bytes(b"no model")
    (tmp_path / "t.jsonl").write_text('{"text": "a"}\n')
    with pytest.raises(InputError, match=r"m\.arrow: not a recall model"):
        score_table(tmp_path / "t.jsonl", tmp_path / "m.arrow", tmp_path / "o.jsonl", None, None)


@pytest.mark.parametrize("stage", ["rules", "extract", "dedup"])
def test_two_columns_of_one_name_are_refused(stage: str, sluice: Sluice, tmp_path: Path) -> None:
    """Which of them would be meant?"""
    path = tmp_path / "t.parquet"
    names = ["text", "html", "text"]
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 3, names=names), path)
    code, _, err = sluice("apply", stage, str(path), "-o", str(tmp_path / "o.parquet"))
    assert code == 2
    assert err == f"sluice: {path}: two columns are called 'text'; rename or remove one\n"


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(
    corpus=st.sampled_from(["web", "github"]),
    pattern=st.lists(
        st.sampled_from(
            [
                *("://", "memory", "zip", "::", "*", "[", "?", "installed:", "rich", "\0"),
                *("@", ":", "#", "\udcff", "x.warc.gz", "dir", "simplecache", "data:", "a" * 300),
            ]
        )
        | st.text(max_size=5).filter(lambda text: "/" not in text and "~" not in text),
        max_size=5,
    ).map("".join),
)
def test_any_pattern_names_inputs_or_is_refused(tmp_path: Path, corpus: str, pattern: str) -> None:
    """Or names nothing. It is looked for in a folder of two files."""
    for name in ("x.warc.gz", "rich"):
        (tmp_path / name).touch()
    with chdir(tmp_path):
        message = refusal(lambda: expand(corpus, [pattern]))
    assert message is None or f"{corpus}.inputs" in message or "cannot be listed" in message
