"""What a run says while it goes: a line a stage in a file, one table of stages on a terminal."""

import io
import json
import re
import time
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from pipeline.cli import main
from pipeline.cli.progress import monitor as showing
from pipeline.cli.progress.monitor import ProgressMonitor
from pipeline.cli.progress.views import show_seconds
from pipeline.engine.runner import Counted
from pipeline.engine.work.task import Outcome, Result
from pipeline.storage.tables import Written
from tests.pipeline.conftest import Sluice, page, write_tar, write_warc

STAGES = ["github.documents", "github.rules", "github.dedup", "emit.github"]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _outcome(records: int, text_bytes: int, quarantined: int = 0) -> Outcome:
    reasons = {"error": quarantined} if quarantined else {}
    result = Result(Written(), text_bytes=text_bytes, records=records)
    return Outcome(result, None, reasons, seconds=1.0, cpu_seconds=1.0, peak_bytes=1)


def _tasks(monitor: ProgressMonitor, step: str, *outcomes: Outcome) -> None:
    for number, outcome in enumerate(outcomes):
        monitor.task_done(step, f"{number:05d}", outcome)


def _screen(stream: io.StringIO) -> list[str]:
    """The last table that was drawn, without the terminal's codes."""
    drawn = re.split(r"\x1b\[\d*A|\x1b\[2K", stream.getvalue())
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", "".join(drawn))
    last = text.rpartition("stage ")[2]
    return ["stage " + last.splitlines()[0], *last.replace("\r", "").splitlines()[1:]]


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Sluice:
    """`sluice run` in this process, with files for standard output and standard error; however
    slow the machine is, nothing is said only because it takes long."""
    monkeypatch.setattr(showing, "LINE_SECONDS", float("inf"))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sluice", "run", *arguments, "--address", "local"])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A repository and a crawl, both small."""
    files = {f"m/{n}.py": f"def f{n}(x):\n    return x + {n}\n".encode() * 3 for n in range(5)}
    write_tar(tmp_path / "some__thing.tar.gz", "thing-main", files)
    pages = {f"https://a.example/{n}": page(f"Page {n}", 4 + n) for n in range(4)}
    write_warc(tmp_path / "crawl.warc.gz", pages)
    path = tmp_path / "small.toml"
    path.write_text(
        f"[github]\ninputs = ['{tmp_path}/*.tar.gz']\n[web]\ninputs = ['{tmp_path}/*.warc.gz']\n"
    )
    return path


def test_a_file_gets_a_line_for_each_stage(
    run_command: Sluice, config: Path, tmp_path: Path
) -> None:
    """When it begins and when it ends, in order, with what was counted; the many steps are in the
    log alone, the funnel is on standard output; a second run has nothing to say."""
    run = tmp_path / "run"
    arguments = (str(config), "--run", str(run))
    code, out, err = run_command(*arguments)
    assert code == 0, err
    begun, lines = _begun_and_ended(err)
    assert re.fullmatch(r"github\.language +begins, stage 2 of \d+ · 1 worker", begun[1])
    names = [line.split()[0] for line in lines]
    assert names == [line.split()[0] for line in begun]
    assert names[:3] == ["github.documents", "github.language", "github.rules"]
    assert names[-2:] == ["web.redact", "emit.web"]
    assert len(names) == len(set(names)) == 13
    rules = next(line for line in lines if line.startswith("github.rules"))
    assert re.fullmatch(r"github\.rules +5 documents · 5 kept · .* read at .* MB/s · .* s", rules)
    assert re.search(r"^emit\.web +4 samples · ", err, re.MULTILINE)
    assert out.startswith("stage ")
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps = {event["step"] for event in log if event["event"] == "step"}
    assert "github.dedup.decide.judge" in steps
    assert not any(step in err for step in steps if step.count(".") > 1)
    code, out, err = run_command(*arguments)
    assert (code, err) == (0, "")
    assert "everything is up to date" in out


def _begun_and_ended(err: str) -> tuple[list[str], list[str]]:
    begun = [line for line in err.splitlines() if " begins, stage " in line]
    return begun, [line for line in err.splitlines() if line not in begun]


def test_machines_get_the_events(run_command: Sluice, config: Path, tmp_path: Path) -> None:
    """One JSON object a line and nothing else, the same as in the log; they add up."""
    run = tmp_path / "run"
    options = ("--stage", "github.rules", "--run", str(run), "--progress", "json")
    code, _, err = run_command(str(config), *options)
    assert code == 0
    assert err == (run / "log.jsonl").read_text()
    events = [json.loads(line) for line in err.splitlines()]
    assert events[0]["stages"] == ["github.documents", "github.language", "github.rules"]
    begun = [(one["stage"], one["number"]) for one in events if one["event"] == "stage"]
    assert begun == [(stage, 1 + n) for n, stage in enumerate(events[0]["stages"])]
    assert all(one["of"] == 3 and one["workers"] == 1 for one in events if one["event"] == "stage")
    last = events[-1]
    assert (last["event"], last["stage"], last["as_before"]) == (
        "stage_ended",
        *begun[2][:1],
        False,
    )
    assert (last["documents"], last["kept"], last["quarantined"]) == (5, 5, 0)
    tasks = [one for one in events if one["event"] == "task"]
    assert sum(one["text_bytes"] for one in tasks if "rules" in one["step"]) == last["text_bytes"]
    code, _, err = run_command(str(config), *options)
    ended = [json.loads(line) for line in err.splitlines()][1:]
    assert [one["as_before"] for one in ended] == [True] * 3


def test_verbose_prints_every_step(run_command: Sluice, config: Path, tmp_path: Path) -> None:
    """Below one another, then the stage they belong to."""
    options = ("--stage", "github.dedup", "--run", str(tmp_path / "run"), "--verbose")
    _, _, err = run_command(str(config), *options)
    lines = err.splitlines()
    steps = [line for line in lines if line.startswith("  github.dedup.decide.")]
    assert len(steps) > 3
    judged = re.compile(r"  github\.dedup\.decide\.judge: 1 task · .* s")
    assert any(map(judged.fullmatch, steps)), steps
    assert lines[-1].startswith("github.dedup ")


def test_a_terminal_gets_one_table(tmp_path: Path) -> None:
    """Of all stages: what is done, what is at work and until when, what waits."""
    clock, stream = Clock(), io.StringIO()
    console = Console(width=100, height=40, force_terminal=True, file=stream)
    with ProgressMonitor(console, tmp_path, clock=clock) as monitor:
        monitor.stages(STAGES)
        monitor.stage_started("github.documents")
        monitor.stage_ended("github.documents", lambda: Counted(1, None))  # all was there
        monitor.stage_started("github.rules")
        clock.now += 50.0
        monitor.preparing("groups of kernels compiled", 6, 6)
        monitor.step_started("github.rules.measure", 2, 2)
        clock.now += 4.0
        _tasks(monitor, "github.rules.measure", _outcome(600, 20_000_000, 3), _outcome(400, 0))
        monitor.step_ended("github.rules.measure")
        monitor.stage_ended("github.rules", lambda: Counted(1000, 850))
        monitor.stage_started("github.dedup")
        monitor.step_started("github.dedup.decide.judge", 4, 4)
        monitor.at_work(4)
        clock.now += 30.0
        _tasks(monitor, "github.dedup.decide.judge", _outcome(250, 1_000_000))
        stream.truncate(0)
        monitor._live.refresh()
        screen = _screen(stream)
    assert screen[0].split() == ["stage", "documents", "kept", "docs/s", "MB/s", "elapsed", "left"]
    assert screen[1].split() == ["github.documents", "as", "before"]
    assert screen[2].split() == [
        *("github.rules", "1,000", "850", "250", "5.0", "4.0", "s", *_QUARANTINED),
    ]
    assert screen[3].split() == [
        *("github.dedup", "250", "8", "0.0", "30", "s", "90", "s", "judge", "1", "of", "4"),
    ]
    assert screen[4].split() == ["emit.github"]
    assert screen[5] == "2 of 4 stages done · 4 workers · 3 quarantined · 84 s in all"
    assert all(len(line) <= 100 for line in screen)


_QUARANTINED = ("3", "quarantined")


def test_a_short_terminal_shows_what_is_at_work(tmp_path: Path) -> None:
    """Stages that are done make room, until all are."""
    stream = io.StringIO()
    console = Console(width=80, height=7, force_terminal=True, file=stream)
    names = [f"web.stage{n}" for n in range(8)]
    with ProgressMonitor(console, tmp_path, clock=Clock()) as monitor:
        monitor.stages(names)
        for name in names[:-1]:
            monitor.stage_started(name)
            monitor.stage_ended(name, lambda: Counted(1, None))
        monitor.stage_started(names[-1])
        monitor.step_started(names[-1], 1, 1)
        stream.truncate(0)
        monitor._live.refresh()
        assert [line.split()[:2] for line in _screen(stream)[1:4]] == [
            ["…", "6"],
            ["web.stage6", "as"],
            ["web.stage7", "0.0"],
        ]
    assert len(_screen(stream)) >= 1 + len(names)


def test_who_waits_is_told_what_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks that train say how far they are and since when, though none has ended; the log, too."""
    monkeypatch.setattr(showing, "TICK_SECONDS", 0.01)
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream)
    with ProgressMonitor(console, tmp_path, clock=clock) as monitor:
        clock.now += 11.0
        _wait_for(stream, "looking for what is missing · 11 s\n")
        monitor.stages(["web.recall"])
        monitor.stage_started("web.recall")
        monitor.preparing("Ray", 0, 1)
        clock.now += 12.0
        _wait_for(stream, "Ray: 0 of 1 · 12 s\n")
        monitor.preparing("Ray", 1, 1)
        monitor.step_started("web.recall.decide.train-target", 2, 2)
        far = ["epoch 1 of 5"]
        monitor.working("web.recall.decide.train-target", lambda: far[0])
        clock.now += 24.0
        _wait_for(stream, "web.recall             train-target 0 of 2: epoch 1 of 5 · 24 s\n")
        far[0] = "epoch 4 of 5"
        clock.now += 11.0
        _wait_for(stream, "web.recall             train-target 0 of 2: epoch 4 of 5 · 35 s\n")
    assert _told(tmp_path) == ["epoch 1 of 5", "epoch 4 of 5"]


@pytest.mark.parametrize("form", ["auto", "json"])
def test_a_training_is_told_of_on_a_terminal_and_to_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Literal["auto", "json"]
) -> None:
    """The table says how far it is; the log, which machines read, says each thing once."""
    monkeypatch.setattr(showing, "TICK_SECONDS", 0.01)
    clock, stream = Clock(), io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    with ProgressMonitor(console, tmp_path, form=form, clock=clock) as monitor:
        monitor.stages(["web.recall"])
        monitor.stage_started("web.recall")
        monitor.step_started("web.recall.decide.train-target", 2, 2)
        monitor.working("web.recall.decide.train-target", lambda: "epoch 3 of 5")
        for _ in range(2):
            clock.now += 11.0
            _wait_for(stream, "epoch 3 of 5")
            time.sleep(0.05)
        if form == "auto":
            monitor._live.refresh()
            assert "train-target 0 of 2: epoch 3 of 5" in _screen(stream)[1]
    assert _told(tmp_path) == ["epoch 3 of 5"]


def _told(run: Path) -> list[str]:
    events = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [event["what"] for event in events if event["event"] == "working"]


def _wait_for(stream: io.StringIO, text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in stream.getvalue():
        assert time.monotonic() < deadline, stream.getvalue()
        time.sleep(0.01)


def test_a_stage_that_failed_is_not_said_to_have_ended(tmp_path: Path) -> None:
    """The error says what there is to say; the log has it, too."""
    stream = io.StringIO()

    def fail() -> None:
        with ProgressMonitor(Console(file=stream), tmp_path) as monitor:
            monitor.stages(["web.documents"])
            monitor.stage_started("web.documents")
            monitor.step_started("web.documents", 1, 1)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert "begins" in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 1
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert events[-1]["event"] == "failed"


def test_steps_without_stages_are_put_together(tmp_path: Path) -> None:
    """Who runs single steps, such as an ablation, gets a line for each group of them."""
    stream = io.StringIO()
    with ProgressMonitor(Console(file=stream), tmp_path) as monitor:
        for step in ("ablation.rules.web.a", "ablation.rules.web.b", "ablation.full.web.a"):
            monitor.step_started(step, 1, 1)
            _tasks(monitor, step, _outcome(1, 1_000_000))
            monitor.step_ended(step)
    names = [line.split()[0] for line in _begun_and_ended(stream.getvalue())[1]]
    assert names == ["ablation.rules", "ablation.full"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(6.84, "6.8 s"), (24.2, "24 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_times_are_shown_in_the_units_that_read_best(seconds: float, shown: str) -> None:
    """Never more than two."""
    assert show_seconds(seconds) == shown
