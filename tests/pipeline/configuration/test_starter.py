"""A first configuration loads, says what it reads, and every line it offers holds."""

import tomllib
from pathlib import Path

import pytest

from pipeline.configuration import load
from pipeline.configuration.registry import CONFIGURED
from pipeline.configuration.starter import starter

KINDS = [("github",), ("web",), CONFIGURED]


@pytest.mark.parametrize("corpora", KINDS)
def test_it_changes_inputs_alone(tmp_path: Path, corpora: tuple[str, ...]) -> None:
    """All else has its default; the corpora that were not asked for read nothing."""
    path = tmp_path / "mine.toml"
    path.write_text(starter(corpora))
    made = load(path).resolved()
    inputs = {corpus: made[corpus]["inputs"] for corpus in CONFIGURED}
    assert [corpus for corpus, named in inputs.items() if named] == list(corpora)
    plain = load(
        None, [f"{corpus}.inputs={inputs[corpus]}" for corpus in CONFIGURED], load(path).run
    )
    assert made == plain.resolved()


@pytest.mark.parametrize("corpora", KINDS)
def test_every_comment_that_is_a_setting_can_be_uncommented(
    tmp_path: Path, corpora: tuple[str, ...]
) -> None:
    """All of them together are a configuration."""
    lines = starter(corpora).splitlines()
    offered = [line.removeprefix("# ") for line in lines if is_offer(line)]
    kept = "\n".join(line.removeprefix("# ") if is_offer(line) else line for line in lines)
    assert len(offered) >= 8
    path = tmp_path / "mine.toml"
    path.write_text(kept)
    assert len(str(tomllib.loads(kept))) > len(str(tomllib.loads(starter(corpora))))
    assert load(path).engine.workers == 8


def is_offer(line: str) -> bool:
    """Whether a comment is TOML: a table's name, or a key and its value."""
    text = line.removeprefix("# ")
    try:
        return text != line and bool(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return False
