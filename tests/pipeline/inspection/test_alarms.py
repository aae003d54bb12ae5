"""A site that loses nearly all of its pages, in a real run."""

import json
from pathlib import Path

from pipeline.inspection.alarms import dedup_alarms
from pipeline.inspection.verify import verify
from pipeline.inspection.views import open_run
from pipeline.report.build import make_report
from tests.pipeline.conftest import Sluice, page, write_warc
from tests.pipeline.report.conftest import figures_in, text_of


def unlike(name: str) -> str:
    """A page that shares little with others."""
    told = (f"<p>{name}x{n} tells {name}y{n} about {name}z{n} at length.</p>" for n in range(20))
    return f"<html><body><main>{''.join(told)}</main></body></html>"


def test_a_mirror_is_named_with_samples(tmp_path: Path, sluice: Sluice) -> None:
    """When dedup has ended, in the log; by `stats`; and in the report, with the beginnings of what
    was dropped."""
    pages = {f"http://www.mirror.example/{n}": page("The same", 20) for n in range(25)}
    pages |= {f"http://site{n}.example/": unlike(f"subject{n}") for n in range(5)}
    write_warc(tmp_path / "first.warc.gz", {"http://original.example/": page("The same", 20)})
    write_warc(tmp_path / "later.warc.gz", pages, "2020-01-01T00:00:00Z")
    (tmp_path / "c.toml").write_text(f"[web]\ninputs = ['{tmp_path}/*.warc.gz']\n")
    run = tmp_path / "run"
    arguments = [str(tmp_path / "c.toml"), "--run", str(run), "--address", "local"]
    assert sluice("run", *arguments, "--stage", "web.dedup")[0] == 0
    line = "domain mirror.example lost 25 of 25 documents (100%): "
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    (flag,) = (event["flag"] for event in events if event["event"] == "flagged")
    assert flag.startswith(f"web.dedup: {line}")
    code, out, _ = sluice("stats", str(run))
    assert code == 0
    assert line in " ".join(out.split())
    with open_run(run) as (connection, views):
        (alarm,) = dedup_alarms(connection, views, "web")
    assert (alarm.corpus, alarm.kind, alarm.value) == ("web", "domain", "mirror.example")
    assert (alarm.documents, alarm.dropped, len(alarm.samples)) == (25, 25, 3)
    for sample in alarm.samples:
        assert sample.uri.startswith("http://www.mirror.example/")
        assert "The same: paragraph 0" in sample.excerpt
        assert sample.doc_id[:12] in flag
    report = make_report(run)
    (said,) = figures_in(report)["duplicates"][0]["alarms"]
    assert said["said"] == str(alarm)
    assert [one["excerpt"] for one in said["samples"]] == [one.excerpt for one in alarm.samples]
    assert line in text_of(report)
    assert verify(run) == []
