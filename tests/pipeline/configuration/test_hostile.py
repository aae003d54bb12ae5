"""Whatever stands in a configuration file or after --set: a configuration, or one sentence."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.configuration import load
from pipeline.configuration.toml_tables import known_names
from stages.errors import ConfigError

MAX_MESSAGE = 2_000
DIGITS = "9" * 5_000
HEX_DIGITS = "0x" + "f" * 5_000

BARE = [
    *("1", "1.5", "true", "inf", "nan", "1979-05-27", "07:32:00", '"a"', '"\\ud800"', "''"),
    *(DIGITS, HEX_DIGITS, f'"{"x" * 100}"'),
]


def bracketed(parts: Iterable[str]) -> str:
    return "[" + ", ".join(parts) + "]"


VALUES = st.one_of(
    st.text(max_size=30),
    st.recursive(
        st.sampled_from(BARE),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(bracketed),
            st.dictionaries(st.sampled_from(["a", "seeds", '"x y"']), inner, max_size=3).map(
                lambda table: "{" + ", ".join(f"{k} = {v}" for k, v in table.items()) + "}"
            ),
        ),
        max_leaves=6,
    ),
    st.integers(1, 3_000).map(lambda depth: "[" * depth + "]" * depth),
    st.integers(1, 3_000).map(lambda depth: "{a = " * depth + "1" + "}" * depth),
)
KEYS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(known_names()),
    st.lists(
        st.sampled_from(["a", '"x"', "''", "#", "[x]", "web", "recall", "targets", "engine"]),
        min_size=1,
        max_size=40,
    ).map(".".join),
)


def require_sentence(error: ConfigError) -> None:
    message = str(error)
    assert message
    assert len(message) < MAX_MESSAGE
    assert "Traceback (most recent call last)" not in message  # the word alone may be the file's


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(KEYS, st.sampled_from(["=", ""]), VALUES).map("".join), max_size=3))
@example(["#x=1"])
@example(["a\n=1"])
@example(["[x]\na=1"])
@example([f"web.dedup.threshold={DIGITS}"])
@example([f"web.dedup.threshold={HEX_DIGITS}"])
@example([f"emit={HEX_DIGITS}"])
@example([".".join("a" * 5_000) + "=1"])
@example(["a." * 300 + "a=1", "a." * 300 + "b=1"])
@example(["x" * 20_000 + "=1"])
def test_any_override_is_a_setting_or_a_sentence(overrides: list[str]) -> None:
    """`--set` after `--set`."""
    try:
        load(None, ['web.inputs=["x.warc.gz"]', *overrides])
    except ConfigError as error:
        require_sentence(error)


LINES = st.one_of(
    st.text(max_size=40),
    st.tuples(KEYS, VALUES).map(" = ".join),
    KEYS.map(lambda key: f"[{key}]"),
    st.sampled_from(["[web]", "[recall.targets.code]", "[[x]]", '[engine.resources."web.dedup"]']),
)
FILES = st.one_of(
    st.binary(max_size=200),
    st.lists(LINES, max_size=6).map(lambda lines: "\n".join(lines).encode("utf-8", "replace")),
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(FILES)
@example(f"seed = {DIGITS}".encode())
@example(f"seed = {HEX_DIGITS}".encode())
@example(b"x = " + b"[" * 20_000)
@example(b"[a" + b".a" * 5_000 + b"]\nb = 1")
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbfseed = 1")
@example(b"[Traceback]")
def test_any_file_is_a_configuration_or_a_sentence(tmp_path: Path, content: bytes) -> None:
    """Text, TOML and neither."""
    path = tmp_path / "c.toml"
    path.write_bytes(content)
    try:
        load(path)
    except ConfigError as error:
        require_sentence(error)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("#x=1", "'#x' is not a dotted name"),
        ("[x]\ny=1", "is not a dotted name"),
        ("=1", "expected KEY=VALUE"),
        ("a.=1", "'a.' is not a dotted name"),
        (f"emit.seed={HEX_DIGITS}", "a value is too large"),
        ("a." * 40 + "a=1", "is not a dotted name"),
    ],
)
def test_a_wrong_override_is_told_what_is_wrong(override: str, message: str) -> None:
    """The name or the value."""
    with pytest.raises(ConfigError) as caught:
        load(None, [override])
    assert message in str(caught.value)


def test_quoted_names_are_names() -> None:
    """As TOML has them."""
    given = 'engine.resources."web.documents".cpus=2.0'
    config = load(None, ["web.inputs=['x.warc.gz']", given])
    assert config.engine.resources["web.documents"].cpus == 2.0
