"""Groups whose kept document is in an earlier run."""

import shutil
from pathlib import Path

from pipeline.configuration import load
from pipeline.report.build import make_report
from pipeline.run import run
from tests.pipeline.conftest import page, write_warc
from tests.pipeline.report.conftest import figures_in, text_of


def test_a_group_names_the_run_that_has_its_document(tmp_path: Path) -> None:
    """With its address and text as long as that run is there."""
    captures = {
        "old": {"http://first.example/": page("A notice", 20)},
        "new": {f"http://copy{n}.example/": page("A notice", 20) for n in range(3)},
    }
    for name, pages in captures.items():
        write_warc(tmp_path / f"{name}.warc.gz", pages)
        settings = [f"web.inputs=['{tmp_path}/{name}.warc.gz']"]
        if name == "new":
            settings.append(f"dedup.against=['{tmp_path}/run-old']")
        config = load(None, settings, tmp_path / f"run-{name}")
        run(config, stages=["web.dedup"], address="local")
    old, new = tmp_path / "run-old", tmp_path / "run-new"
    report = make_report(new)
    (group,) = figures_in(report)["duplicates"][0]["largest"]
    assert (group["run"], group["documents"]) == (str(old), 3)
    assert group["uri"] == "http://first.example/"
    assert "A notice: paragraph 0" in group["excerpt"]
    assert sorted(one["uri"] for one in group["members"]) == sorted(captures["new"])
    assert f"http://first.example/ in {old}" in " ".join(text_of(report).split())
    assert "3 documents, 0 kept" in text_of(report)
    shutil.rmtree(old)
    (group,) = figures_in(make_report(new))["duplicates"][0]["largest"]
    assert (group["run"], group["uri"], group["excerpt"]) == (str(old), None, "")
