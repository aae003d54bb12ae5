"""What a shell offers when the tab key is pressed."""

from collections.abc import Callable

import pytest

from pipeline.cli import main

Offered = Callable[[str], list[str]]


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Offered:
    """What bash is offered behind a line that has been typed so far."""

    def call(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setattr("sys.argv", ["sluice"])
        monkeypatch.setenv("_SLUICE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        assert (caught.value.code, err) == (0, "")
        return out.splitlines()

    return call


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("sluice st", "stats"),
        ("sluice run configs/demo.toml --sta", "--stage"),
        ("sluice run configs/demo.toml --stage web.ded", "web.dedup"),
        ("sluice run configs/demo.toml --set web.dedup.thr", "web.dedup.threshold="),
        ("sluice run configs/demo.toml --set recall.thr", "recall.threshold="),
        ("sluice apply ru", "rules"),
        ("sluice stats runs/demo github.ru", "github.rules"),
    ],
)
def test_names_are_completed(offered: Offered, line: str, among: str) -> None:
    """Commands, options, stages and settings; nothing that does not begin as the word does."""
    names = offered(line)
    assert among in names
    assert all(name.startswith(line.rpartition(" ")[2]) for name in names)
