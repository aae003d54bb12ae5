"""Redact finds addresses and keys, and nothing else."""

import ipaddress
import re
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.spans import SPAN_MEASURES
from stages.contract import MapStage
from stages.kernels.spans import replace_spans
from stages.redact.candidates import IPV4 as IPV4_CANDIDATE
from stages.redact.candidates import character_classes, find_candidates, prefix_tables
from stages.redact.keys import secrets
from stages.redact.options import RedactOptions
from stages.redact.stage import RedactStage

STAGE = RedactStage(RedactOptions())


def spans(*texts: str, stage: RedactStage = STAGE) -> list[list[dict[str, Any]]]:
    batch = pa.record_batch([pa.array(texts, pa.large_string())], ["text"])
    found = stage.process(batch)
    assert found.schema == SPAN_MEASURES
    assert found.num_rows == len(texts)
    rows: list[list[dict[str, Any]]] = found["spans"].to_pylist()
    return rows


def redacted(text: str, stage: RedactStage = STAGE) -> str:
    return replace_spans(text.encode(), spans(text, stage=stage)[0]).decode()


def test_is_a_map_stage() -> None:
    """The stage is what the engine takes for a map stage."""
    assert isinstance(STAGE, MapStage)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to jane.doe+x@mail.university.edu.", "write to <EMAIL>."),
        ("<a@b.io>,c_d@e-f.co.uk;", "<<EMAIL>>,<EMAIL>;"),
        ("größe: müller 邮箱x@y.cn。", "größe: müller 邮箱<EMAIL>。"),
        ("user@example.com", "user@example.com"),
        ("icon@2x.png", "icon@2x.png"),
        ("git@github.com:owner/repo.git", "git@github.com:owner/repo.git"),
        ("@decorator\ndef f(a @ b): x@y", "@decorator\ndef f(a @ b): x@y"),
        ("npm i left-pad@1.2.3", "npm i left-pad@1.2.3"),
        ("a.@b.com and .@b.com", "a.@b.com and .@b.com"),
    ],
)
def test_email(text: str, expected: str) -> None:
    """An address is redacted whole, what only looks like one stays."""
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 93.184.216.34:80", "from <IP_ADDRESS>:80"),
        ("ends with 8.8.8.8.", "ends with <IP_ADDRESS>."),
        ("2a00:1450:4001:81b::200e up", "<IP_ADDRESS> up"),
        ("[2600:1f18:1234:5600:1:2:3:4]:443", "[<IP_ADDRESS>]:443"),
        ("192.168.0.1 10.0.0.1 127.0.0.1 172.16.5.4", None),
        ("192.0.2.7 198.51.100.1 203.0.113.9 0.0.0.0 255.255.255.255 224.0.0.1", None),
        ("2001:db8::1 fe80::1 ::1", None),
        ("version 1.2.3.4, v4.3.2.1, pkg==9.8.7.6, Chrome/96.0.46.110", None),
        ('AssemblyVersion("4.1.0.2") ("15.0.0.0") stable-1.9.71.2', None),
        ("1.2.3.4.5 1.2.3 256.1.1.1 01.2.3.4 1.2.3.4a", None),
        ("at 20:30:40 std::a::b 2001:2", None),
    ],
)
def test_ip_address(text: str, expected: str | None) -> None:
    """Public addresses are redacted; reserved ranges, versions and times stay."""
    assert redacted(text) == (text if expected is None else expected)


@pytest.mark.parametrize("row", secrets(), ids=lambda row: row["name"])
def test_every_secret(row: dict[str, Any]) -> None:
    """Every row finds its positive examples, and not its negative ones."""
    optional = {"run", "lead", "random", "armoured"}
    assert set(row) - optional == {"name", "prefixes", "pattern", "positive", "negative"}
    assert row["positive"]
    assert row["negative"]
    for parts in row["positive"]:
        example = "".join(parts)
        [found] = spans(f"é {example} tail")
        assert {span["kind"] for span in found} == {"KEY"}, example
        written = f"é {example} tail".encode()[found[-1]["start"] : found[-1]["end"]].decode()
        assert example.rstrip(";\"'").removesuffix("@db.host/app").endswith(written), example
    for example in row["negative"]:
        assert spans(example) == [[]], example


def test_secret_names_are_distinct() -> None:
    """No row of the table stands twice."""
    names = [row["name"] for row in secrets()]
    assert len(names) == len(set(names))


def test_options_switch_kinds_off() -> None:
    """A kind that is switched off stays."""
    text = "a@b.com 8.8.8.8 " + "".join(secrets()[0]["positive"][0])
    for name in ("email", "ip_address", "key"):
        stage = RedactStage(RedactOptions(**{name: False}))
        kinds = {span["kind"] for span in spans(text, stage=stage)[0]}
        assert kinds == {"EMAIL", "IP_ADDRESS", "KEY"} - {name.upper()}


def test_empty_slices_and_nulls() -> None:
    """Empty and null texts have no spans; a slice of a batch has its own rows."""
    texts = pa.array(["a@b.com", "", None, "x a@b.com"], pa.large_string())
    batch = pa.record_batch([texts], ["text"])
    assert [len(row) for row in STAGE.process(batch)["spans"].to_pylist()] == [1, 0, 0, 1]
    [row] = STAGE.process(batch.slice(3))["spans"].to_pylist()
    assert row == [{"start": 2, "end": 9, "kind": "EMAIL"}]
    assert STAGE.process(batch.slice(0, 0)).num_rows == 0


PIECES = ["a@b.com", "@", ".", "8.8.8.8", "1.2.3.4", "é", "中", " ", "\n", ":", "2a00:1450::1", "0"]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=12))
def test_spans_are_sorted_and_disjoint(pieces: list[str]) -> None:
    """Whatever the text, spans are ordered, disjoint, and cut no character."""
    text = "".join(pieces)
    position = 0
    for span in spans(text)[0]:
        assert position <= span["start"] < span["end"]
        position = span["end"]
    redacted(text)


IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.\w)", re.ASCII)


@given(st.lists(st.sampled_from([*"0123456789", ".", "8.8.8.8", " ", "a", "é"]), max_size=30))
def test_ipv4_equals_a_regular_expression(pieces: list[str]) -> None:
    """The kernel finds the four numbers that a regular expression and `ipaddress` find."""
    text = "".join(pieces)
    expected = []
    for match in IPV4.finditer(text):
        with suppress(ValueError):
            ipaddress.ip_address(match[0])
            start = len(text[: match.start()].encode())
            expected.append((start, start + len(match[0])))
    data = np.frombuffer(text.encode(), np.uint8)
    found = find_candidates(
        np.array([0, len(data)], np.int64), data, character_classes(), prefix_tables([(b"@@", 0)])
    )
    assert [(start, end) for _, kind, start, end in found if kind == IPV4_CANDIDATE] == expected


@pytest.mark.parametrize(
    "piece",
    [
        "a@",
        "@a.",
        "eyJ",
        "eyJaaaaaaaaaaaa.",
        "1.2.3.",
        "2001:",
        "-----BEGIN ",
        "sk-",
        "AKIA",
        "token=",
        "a://",
        "://b:",
        "Bearer ",
        "pwd pwd ",
        " at a dot ",
        "a-a[at]",
        "a%40a.",
        "\u00e9@\u00e9.",
        "IPAddress(1, 2, ",
    ],
)
def test_hostile_lines_come_to_an_end(piece: str) -> None:
    """A long line of near misses, which a backtracking pattern would never finish, has the spans
    of its end alone."""
    text = piece * ((1 << 20) // len(piece)) + " someone@paperboat.dev"
    assert spans(text)[0][-1]["end"] == len(text.encode())
