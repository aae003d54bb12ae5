"""An input keeps its shard, is known again elsewhere, and leaves a run when it is told to."""

import importlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.configuration import Config, load
from pipeline.inspection.verify import verify
from pipeline.run import RunReport, forecast, plan, run
from pipeline.storage.intake.input_record import CorpusRecord, save
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.storage import LocalStorage
from stages.errors import ConfigError, InputError, StorageError
from tests.pipeline.conftest import configured, page, product, read_shards, write_tar, write_warc

CORPORA = ("github", "web")


def archives(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        write_tar(
            folder / f"{name}.tar.gz", f"{name}-main", {f"{name}.py": f"{name} = 1\n".encode()}
        )


def crawls(folder: Path, *names: str, title: str = "Page") -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        pages = {
            f"https://{name}.example.org/{n}": page(f"{title} {name} {n}", 5) for n in range(3)
        }
        write_warc(folder / f"{name}.warc.gz", pages)


def config_of(tmp_path: Path, corpus: str, patterns: Sequence[str], *more: str) -> Config:
    inputs = [f"{tmp_path}/{pattern}" for pattern in patterns]
    return load(None, [f"{corpus}.inputs={json.dumps(inputs)}", *more], tmp_path / "run")


def read_documents(config: Config, corpus: str) -> RunReport:
    return run(config, stages=[f"{corpus}.documents"], address="local")


def uris(tmp_path: Path, corpus: str) -> set[str]:
    return set(read_shards(tmp_path / "run" / corpus / "documents", ["uri"])["uri"].to_pylist())


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def test_what_is_dropped_leaves_the_run_and_comes_back(
    finished_run: Path, inputs: Path, tmp_path: Path
) -> None:
    """A crawl in the middle and a repository in a packed shard: their documents go from every
    table and from the product, nothing else is read again, and without `drop` all is as before."""
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    before = product(folder)
    drops = ["web.drop=['crawl-1.warc.gz']", f"github.drop=['{inputs}/python__email*']"]
    report = run(configured(inputs, folder, *drops), address="local")
    assert report.steps["web.dedup.decide.judge"].tasks > 0
    assert "web.documents" not in report.steps
    assert verify(folder) == []
    assert sorted(files(folder / "web/documents")) == ["00000.parquet", "00002.parquet"]
    documents = read_shards(folder / "github/documents", ["repo"])
    assert "python/email" not in documents["repo"].to_pylist()
    parts = read_shards(folder / "shards/natural", ["parts"])["parts"].to_pylist()
    assert not any("/page/1/" in part["uri"] for sample in parts for part in sample)
    run(configured(inputs, folder), address="local")
    assert product(folder) == before
    assert verify(folder) == []


def test_a_drop_that_names_nothing_is_refused(tmp_path: Path) -> None:
    """A misspelt name must not look as if it had worked."""
    crawls(tmp_path / "a", "one")
    config = config_of(tmp_path, "web", ["a"], "web.drop=['oen.warc.gz']")
    with pytest.raises(ConfigError, match=r"web\.drop: 'oen\.warc\.gz' names no input"):
        read_documents(config, "web")


@pytest.mark.parametrize("corpus", CORPORA)
def test_the_last_input_can_be_dropped(tmp_path: Path, corpus: str) -> None:
    """Nothing is left of its corpus; the other one stays."""
    crawls(tmp_path / "web", "one")
    archives(tmp_path / "github", "two")
    names = [f"{name}.inputs=['{tmp_path}/{name}']" for name in CORPORA]
    run(load(None, names, tmp_path / "run"), address="local")
    run(load(None, [*names, f"{corpus}.drop=['*']"], tmp_path / "run"), address="local")
    assert verify(tmp_path / "run") == []
    left = {path.parent.parent.name for path in (tmp_path / "run").glob("*/documents/*.parquet")}
    assert left == set(CORPORA) - {corpus}
    left = {path.parent.name for path in (tmp_path / "run/shards").glob("*/*.parquet")}
    assert left == ({"code"} if corpus == "web" else {"natural"})
    nothing = [*names, *(f"{name}.drop=['*']" for name in CORPORA)]
    run(load(None, nothing, tmp_path / "run"), address="local")
    assert verify(tmp_path / "run") == []
    assert not list((tmp_path / "run").rglob("*.parquet"))


@pytest.mark.parametrize("corpus", CORPORA)
def test_moved_inputs_are_known_again(tmp_path: Path, corpus: str) -> None:
    """Under another path nothing is read again, and neither under the old one."""
    (archives if corpus == "github" else crawls)(tmp_path / "a", "one", "two")
    old, new = (config_of(tmp_path, corpus, [folder]) for folder in "ab")
    read_documents(old, corpus)
    before = files(tmp_path / "run" / corpus / "documents")
    shutil.copytree(tmp_path / "a", tmp_path / "b", copy_function=shutil.copyfile)
    for config in (new, new, old):
        assert all(item.n_stale == 0 for item in plan(config, stages=[f"{corpus}.documents"]))
        assert read_documents(config, corpus).steps == {}
    assert files(tmp_path / "run" / corpus / "documents") == before
    rows = json.loads((tmp_path / "run/inputs.json").read_text())[corpus]
    assert [(row["uri"], row["shard"]) for row in rows] == [
        (f"{tmp_path}/a/{row['name']}", n if corpus == "web" else 0) for n, row in enumerate(rows)
    ]


@pytest.mark.parametrize("corpus", CORPORA)
def test_one_input_under_two_paths_is_refused_before_anything_is_written(
    tmp_path: Path, corpus: str
) -> None:
    """Both are named, the run folder is as it was, and the old configuration still works."""
    (archives if corpus == "github" else crawls)(tmp_path / "a", "one")
    old, both = (config_of(tmp_path, corpus, folders) for folders in (["a"], ["a", "b"]))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with pytest.raises(InputError, match=r"a/one\..* and .*b/one\..* are one input by name"):
        read_documents(both, corpus)
    assert not (tmp_path / "run/inputs.json").exists()
    read_documents(old, corpus)
    before = (tmp_path / "run/inputs.json").read_bytes()
    with pytest.raises(InputError, match=rf"name one in {corpus}\.drop"):
        read_documents(both, corpus)
    assert (tmp_path / "run/inputs.json").read_bytes() == before
    assert read_documents(old, corpus).steps == {}
    dropped = config_of(tmp_path, corpus, ["a", "b"], f"{corpus}.drop=['{tmp_path}/b']")
    assert read_documents(dropped, corpus).steps == {}


def test_another_crawl_of_the_same_name_is_refused(tmp_path: Path) -> None:
    """Its documents would have the doc_ids of those that are there; dropped, the old one makes
    room."""
    crawls(tmp_path / "a", "one")
    crawls(tmp_path / "b", "one", title="Another page")
    read_documents(config_of(tmp_path, "web", ["a"]), "web")
    with pytest.raises(InputError, match="are one input by name"):
        read_documents(config_of(tmp_path, "web", ["b"]), "web")
    exchanged = config_of(tmp_path, "web", ["b"], f"web.drop=['{tmp_path}/a']")
    read_documents(exchanged, "web")
    assert sorted(files(tmp_path / "run/web/documents")) == ["00001.parquet"]


def test_two_archives_of_one_name_are_two_repositories(tmp_path: Path) -> None:
    """Where their content differs, or their address says whose they are."""
    archives(tmp_path / "a", "main")
    write_tar(tmp_path / "main.tar.gz", "main", {"other.py": b"other = 1\n"}, "1" * 40)
    for owner in ("first", "second"):
        folder = tmp_path / "github.com" / owner / "tool"
        folder.mkdir(parents=True)
        shutil.copy(tmp_path / "a/main.tar.gz", folder / "main.tar.gz")
    patterns = ["a", "main.tar.gz", "github.com/*/tool"]
    read_documents(config_of(tmp_path, "github", patterns), "github")
    found = {uri.partition("@")[0] for uri in uris(tmp_path, "github")}
    assert {"first/tool", "second/tool"} < found
    assert len(found) == 4


def test_two_names_of_one_repository_are_refused_once(tmp_path: Path) -> None:
    """That shows when they are read; what was read does not count, so leaving one out is enough,
    whichever."""
    archives(tmp_path, "owner__repo")
    shutil.copy(tmp_path / "owner__repo.tar.gz", tmp_path / "copy.zip")
    metadata = tmp_path / "metadata.jsonl"
    metadata.write_text('{"input": "copy.zip", "repo": "owner/repo"}\n')
    more = (f"github.metadata='{metadata}'", "github.shard_bytes=1")
    both = config_of(tmp_path, "github", ["*.tar.gz", "*.zip"], *more)
    for _ in range(2):
        with pytest.raises(InputError, match=r"repo\.tar\.gz and .*copy\.zip are both owner/repo@"):
            read_documents(both, "github")
    one = config_of(tmp_path, "github", ["*.tar.gz"], *more)
    read_documents(one, "github")
    assert len(uris(tmp_path, "github")) == 1
    other = config_of(tmp_path, "github", ["*.zip"], *more, "github.drop=['owner__repo.tar.gz']")
    read_documents(other, "github")
    assert len(uris(tmp_path, "github")) == 1


def test_what_was_read_stays_when_it_is_gone(tmp_path: Path) -> None:
    """A crawl may be deleted when its pages are in the run, even if a pattern names it alone."""
    crawls(tmp_path / "a", "one", "two")
    config = config_of(tmp_path, "web", ["a/one.warc.gz", "a/two*"])
    read_documents(config, "web")
    before = files(tmp_path / "run/web/documents")
    (tmp_path / "a/one.warc.gz").unlink()
    assert read_documents(config, "web").steps == {}
    assert files(tmp_path / "run/web/documents") == before


@pytest.mark.parametrize("corpus", CORPORA)
def test_what_is_named_no_longer_is_said_and_leaves_when_told(tmp_path: Path, corpus: str) -> None:
    """By every run while it stays, and by the one that takes it out; not after that."""
    (archives if corpus == "github" else crawls)(tmp_path / "in", "one", "two")
    both = config_of(tmp_path, corpus, ["in/*.gz"])
    assert read_documents(both, corpus).flags == []
    before = uris(tmp_path, corpus)
    end = ".tar.gz" if corpus == "github" else ".warc.gz"
    one = config_of(tmp_path, corpus, [f"in/one{end}"])
    for _ in range(2):
        (flag,) = read_documents(one, corpus).flags
        assert flag.startswith(f"{corpus}.documents: the documents of an input")
        assert f"stay in the run: two{end}" in flag
        assert flag in forecast(one).inputs
    assert uris(tmp_path, corpus) == before
    pruned = config_of(tmp_path, corpus, [f"in/one{end}"], f"{corpus}.prune_inputs=true")
    (flag,) = read_documents(pruned, corpus).flags
    assert f"leave the run: two{end}" in flag
    assert uris(tmp_path, corpus) < before
    assert not any("two" in uri for uri in uris(tmp_path, corpus))
    assert read_documents(pruned, corpus).flags == []
    assert verify(tmp_path / "run") == []


def test_an_input_that_was_never_read_is_left_out_once_it_is_not_named(tmp_path: Path) -> None:
    """Also if it is a package that is not installed any more; its shard number stays reserved."""
    archives(tmp_path / "a", "one")
    storage = LocalStorage((tmp_path / "run").resolve())
    never = [
        InputSpec("gone.tar.gz", f"{tmp_path}/gone.tar.gz", 10, "1"),
        InputSpec("installed:gone", "installed:gone", 10, "1.0", folder=tmp_path),
        InputSpec("gone", f"{tmp_path}/gone", 10, "abc", folder=tmp_path / "gone"),
    ]
    record = CorpusRecord(storage, "github", []).place(never, identify=lambda _: None)
    save(storage, {"github": record.recorded})
    read_documents(config_of(tmp_path, "github", ["a"]), "github")
    assert sorted(files(tmp_path / "run/github/documents")) == ["00003.parquet"]
    with pytest.raises(ConfigError, match="no installed package 'installed:gone'"):
        read_documents(load(None, ["github.inputs=['installed:gone']"], tmp_path / "run"), "github")


def test_a_package_that_is_gone_stays_in_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command goes on working."""
    site = tmp_path / "site"
    (site / "fleeting-1.0.dist-info").mkdir(parents=True)
    (site / "fleeting.py").write_text("fleeting = True\n")
    record = "fleeting.py,,\nfleeting-1.0.dist-info/METADATA,,\n"
    (site / "fleeting-1.0.dist-info/RECORD").write_text(record)
    metadata = "Metadata-Version: 2.1\nName: fleeting\nVersion: 1.0\n"
    (site / "fleeting-1.0.dist-info/METADATA").write_text(metadata)
    monkeypatch.setattr(sys, "path", [*sys.path, str(site)])
    config = load(None, ["github.inputs=['installed:fleeting']"], tmp_path / "run")
    read_documents(config, "github")
    shutil.rmtree(site)
    importlib.invalidate_caches()
    assert read_documents(config, "github").steps == {}
    assert "pypi/fleeting@1.0:fleeting.py" in uris(tmp_path, "github")


def test_pipes_and_devices_are_no_inputs(tmp_path: Path) -> None:
    """They would keep a reader waiting for ever; they are quarantined by name, the rest is read."""
    crawls(tmp_path / "a", "one")
    archives(tmp_path / "a", "two")
    for ending in ("warc.gz", "jsonl", "parquet", "tar.gz", "zip"):
        os.mkfifo(tmp_path / f"a/pipe.{ending}")
    (tmp_path / "a/zero.warc").symlink_to("/dev/zero")
    (tmp_path / "a/zero.tar").symlink_to("/dev/zero")
    for corpus, n_bad in (("web", 4), ("github", 5)):
        report = read_documents(config_of(tmp_path, corpus, ["a"]), corpus)
        assert report.steps[f"{corpus}.documents"].quarantined == n_bad
        table = read_shards(tmp_path / "run/quarantine" / corpus / "documents")
        assert set(table["reason"].to_pylist()) == {"unreadable"}
        assert len(uris(tmp_path, corpus)) > 0


def test_a_name_that_is_no_text_is_escaped(tmp_path: Path) -> None:
    """Its documents have an identity, and verify finds the run whole."""
    crawls(tmp_path, "one")
    archives(tmp_path, "two")
    for name in ("one.warc.gz", "two.tar.gz"):
        strange = os.fsdecode(f"{tmp_path}/".encode() + b"caf\xe9-" + name.encode())
        (tmp_path / name).rename(strange)
    patterns = [f"{name}.inputs=['{tmp_path}/*.{end}']"
                for name, end in (("web", "warc.gz"), ("github", "tar.gz"))]  # fmt: skip
    run(load(None, patterns, tmp_path / "run"), address="local")
    assert verify(tmp_path / "run") == []
    warcs = read_shards(tmp_path / "run/web/documents", ["warc"])["warc"].to_pylist()
    assert set(warcs) == {"caf\\udce9-one.warc.gz"}
    assert len(uris(tmp_path, "github")) == 1


def test_a_damaged_record_is_said_in_a_sentence(tmp_path: Path) -> None:
    """Half-written, or no record at all."""
    crawls(tmp_path / "a", "one")
    config = config_of(tmp_path, "web", ["a"])
    read_documents(config, "web")
    for content in ("{", "[]", '{"web": [{"name": 1}]}', '{"web": 3}'):
        (tmp_path / "run/inputs.json").write_text(content)
        with pytest.raises(StorageError, match=r"run/inputs\.json is damaged"):
            read_documents(config, "web")
