"""The page: one file, safe with strangers' text, the same for the same run, honest about gaps."""

import base64
import hashlib
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.configuration import Config
from pipeline.report.build import figures_of, make_report
from pipeline.report.page import SINGLE, render
from pipeline.report.view import view
from pipeline.run import run
from tests.pipeline.conftest import Sluice
from tests.pipeline.report.conftest import figures_in, text_of

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u202egnp.exe"
SECTIONS = (
    *("overview", "funnel", "tokens", "measures", "recall", "duplicates", "redaction"),
    *("quarantine", "audit", "cost", "provenance"),
)


def test_the_page_is_one_file_that_fetches_nothing(page: bytes) -> None:
    """No address in it is followed, and its policy allows its own style and script alone."""
    text = page.decode()
    assert len(page) < 5_000_000
    assert not re.search(r'(?:src|href)="(?!#)', text)
    assert not re.search(r"url\(|@import|<link|<iframe| style=", text)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    for kind, element in (("style", "style"), ("script", "script")):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src &#39;sha256-{digest}&#39;" in policy[1]
    assert policy[1].startswith("default-src &#39;none&#39;")


def test_the_same_run_gives_the_same_bytes(finished_run: Path, page: bytes) -> None:
    """Nothing of the hour or the reader is in it."""
    assert make_report(finished_run) == page


def test_it_embeds_what_it_shows(finished_run: Path, page: bytes) -> None:
    """The figures are those of `sluice report --json`; each section is there."""
    figures = figures_in(page)
    assert figures["funnel"] == figures_of(finished_run)["funnel"]
    text = page.decode()
    assert re.findall(r'<section id="(\w+)"', text) == list(SECTIONS)
    shown = text_of(page)
    for row in figures["mix"]["sets"]:
        assert f"{row['tokens']:,}" in shown
    for row in figures["funnel"]:
        assert f"{row['documents']:,}" in shown
    assert "max_line_length 1000" in shown


def test_strangers_text_stays_text(finished_run: Path) -> None:
    """Wherever a name, an address or a sample can stand."""
    figures = figures_of(finished_run)
    figures["provenance"] |= {"flags": [HOSTILE], "name": HOSTILE, "overrides": [HOSTILE]}
    figures["provenance"]["inputs"][0]["first"] = [HOSTILE]
    for row in figures["funnel"]:
        row["reasons"] = {HOSTILE: 3}
        row["skipped"] = {HOSTILE: 2}
        row["flags"] = [HOSTILE]
    for row in figures["mix"]["languages"]:
        row["name"] = HOSTILE
    figures["duplicates"][-1]["largest"] = [
        {"documents": 2, "doc_id": "00", "uri": HOSTILE, "run": HOSTILE, "excerpt": HOSTILE}
        | {"members": [{"uri": HOSTILE, "reason": "near", "similarity": 0.9}]}
    ]
    figures["duplicates"][-1]["alarms"] = [
        {"said": HOSTILE, "samples": [{"doc_id": "00", "uri": HOSTILE, "excerpt": HOSTILE}]}
    ]
    figures["quarantine"] = [
        {"stage": "web.documents", "reason": HOSTILE, "records": 1}
        | {"samples": [{"origin": HOSTILE, "offset": 3, "error": HOSTILE, "head": HOSTILE}]}
    ]
    page = render(SINGLE, figures, "", curves=None, **view(figures))
    text = page.decode()
    assert text.count("<script") == 2
    assert "<img" not in text
    outside = text.replace(re.findall(r'id="figures">(.*?)</script>', text, re.S)[0], "")
    assert "\u202e" not in outside
    assert outside.count("gnp.exe") > 10
    assert figures_in(page)["provenance"]["name"] == HOSTILE


@pytest.mark.parametrize(
    ("overrides", "missing"),
    [
        (["web.inputs=[]"], ["Nothing was recalled", "No record was quarantined"]),
        (["github.inputs=[]"], ["Nothing was redacted", "No benchmark was given"]),
        (
            [
                *("github.inputs=[]", "decontaminate.benchmarks=['benchmarks']"),
                *("redact.email=false", "redact.ip_address=false", "redact.key=false"),
            ],
            ["Nothing was to be redacted", "No problem of a benchmark was found"],
        ),
        (
            [
                *("web.redact.email=false", "web.redact.ip_address=false", "web.redact.key=false"),
                "github.decontaminate.benchmarks=['benchmarks']",
            ],
            [
                "Nothing of web was to be redacted: it is switched off",
                "No benchmark was given to be looked for in web",
            ],
        ),
    ],
)
def test_a_section_without_figures_says_so(
    configure: Callable[..., Config],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: list[str],
    missing: list[str],
) -> None:
    """Of one corpus alone, or of what was not sought."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "set.jsonl").write_text('{"prompt": "never seen anywhere"}')
    monkeypatch.chdir(tmp_path)
    run(configure(tmp_path / "run", *overrides), address="local")
    shown = text_of(make_report(tmp_path / "run"))
    for words in missing:
        assert words in shown


def test_a_run_without_dedup_and_shards(configure: Callable[..., Config], tmp_path: Path) -> None:
    """What has not been made is said, not guessed."""
    run(configure(tmp_path / "run", "web.inputs=[]"), address="local", stages=["github.rules"])
    shown = text_of(make_report(tmp_path / "run"))
    assert "No shards have been written." in shown
    assert "Duplicates were not looked for." in shown
    assert "github.rules" in shown


def test_the_command_writes_beside_the_run(
    finished_run: Path, sluice: Sluice, tmp_path: Path
) -> None:
    """Or where `-o` says; `--json` writes nothing."""
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    shutil.rmtree(folder / "report", ignore_errors=True)
    code, out, _ = sluice("report", str(folder), "--json")
    assert (code, (folder / "report").exists()) == (0, False)
    assert '"funnel": [' in out
    assert sluice("report", str(folder))[:2] == (0, f"{folder}/report/index.html\n")
    assert sluice("report", str(folder), "-o", str(tmp_path / "a.html"))[0] == 0
    assert (tmp_path / "a.html").read_bytes() == (folder / "report/index.html").read_bytes()
    code, _, err = sluice("report", str(folder), "-o", str(tmp_path))
    assert (code, "is a folder" in err) == (2, True)
    assert sluice("report", str(tmp_path / "none"))[0] == 2
