"""A purge leaves nothing of removed documents in any file of the run, and says what it searched."""

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.configuration import Config
from pipeline.inspection.audit import read_audit, write_audit
from pipeline.inspection.stats import funnel
from pipeline.inspection.verify import verify
from pipeline.removal import purge as purging
from pipeline.removal.remove import remove
from pipeline.report.refresh import COMPARISON, is_current
from pipeline.run import plan, run
from pipeline.storage.ledger_names import folder_of
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import LocalStorage
from schemas.audit import AUDIT
from schemas.identity import doc_id
from stages.errors import StorageError
from tests.pipeline.conftest import Sluice, product, read_shards
from tests.pipeline.removal.conftest import CAT
from tests.pipeline.removal.test_remove import emitted

NOW = datetime.now(UTC)
Configure = Callable[..., Config]
SHARED = "shared.py"
"""Its text is also in the other repository's `copied.py`, which nobody asked to remove."""
WANTED = {"repo": [CAT], "uri": ["https://blog.example.com/1"]}


def secrets(target: Path) -> set[bytes]:
    """Identities, addresses and texts of the documents, read before they go."""
    found: set[bytes] = set()
    for corpus in ("github", "web"):
        for path in sorted((target / corpus / "documents").glob("*.parquet")):
            for row in pq.read_table(path).to_pylist():
                if row.get("repo") == CAT or row["uri"] in WANTED["uri"]:
                    found |= {row["doc_id"], row["doc_id"].hex().encode(), row["uri"].encode()}
                    if row.get("path") != SHARED:
                        found.add(row["text"].encode())
    return found


def contents(target: Path) -> Iterator[tuple[str, bytes]]:
    """Every file as it lies there, and what tables and ledgers say."""
    storage = LocalStorage(target)
    for path in sorted(path for path in target.rglob("*") if path.is_file()):
        name = path.relative_to(target).as_posix()
        yield name, path.read_bytes()
        if path.suffix == ".parquet":
            yield name, b"\0".join(values(pq.read_table(path)))
        folder = folder_of(name)
        if folder is not None:
            for receipt in parse_receipts(storage, folder).values():
                yield name, receipt.to_json().encode()


def values(table: pa.Table) -> Iterator[bytes]:
    """Every text and identity of a table, also inside lists."""

    def inner(value: Any) -> Iterator[bytes]:
        if isinstance(value, bytes):
            yield value
        elif isinstance(value, str):
            yield value.encode()
        elif isinstance(value, list):
            for one in value:
                yield from inner(one)
        elif isinstance(value, dict):
            yield from inner(list(value.values()))

    for row in table.to_pylist():
        yield from inner(row)


def test_nothing_remains(copied: Path, config_of: Configure) -> None:
    """Searched with other code than the purge's own; counts, verdicts and shards stay."""
    needles = secrets(copied)
    assert len(needles) > 15
    assert any(needle in data for _, data in contents(copied) for needle in needles)
    remove(copied, WANTED)
    counts = [(one.stage, one.documents, one.kept, one.reasons) for one in funnel(copied)]
    shards, whole = emitted(copied), product(copied)
    removed = remove(copied, {}, purge=True)
    for name, data in contents(copied):
        assert not [needle for needle in needles if needle in data], name
    assert removed.absence is not None
    assert removed.absence.is_proven
    assert removed.absence.n_documents == 6
    assert set(removed.absence.copies) == {"github/documents"}
    assert [(one.stage, one.documents, one.kept, one.reasons) for one in funnel(copied)] == counts
    assert emitted(copied) == shards
    assert {p: h for p, h in product(copied).items() if p.startswith("shards/")} == {
        p: h for p, h in whole.items() if p.startswith("shards/")
    }
    assert verify(copied) == []
    assert not any(item.n_stale for item in plan(config_of(copied)))
    report = run(config_of(copied), address="local")
    assert report.steps == {}


def test_judgements_and_pages_go_with_it(copied: Path, config_of: Configure) -> None:
    """What was said of the verdicts on other documents stays; the report is made anew."""
    (path,) = sorted((copied / "web" / "documents").glob("*.parquet"))[:1]
    ids = {
        row["uri"]: row["doc_id"]
        for row in pq.read_table(path, columns=["uri", "doc_id"]).to_pylist()
    }
    other = next(uri for uri in ids if uri not in WANTED["uri"])
    rows = [
        {"stage": "web.dedup", "doc_id": ids[uri], "wrong": True, "author": "ada", "date": NOW}
        for uri in (*WANTED["uri"], other)
    ]
    storage = LocalStorage(copied)
    write_audit(storage, pa.Table.from_pylist(rows, AUDIT))
    storage.write(COMPARISON, b"https://blog.example.com/1")
    run(config_of(copied, "report=true"), address="local")
    remove(copied, WANTED, purge=True)
    assert read_audit(storage)["doc_id"].to_pylist() == [ids[other]]
    assert is_current(storage)
    assert not storage.exists(COMPARISON)


def test_stages_that_run_again_have_nothing_to_bring_back(
    copied: Path, config_of: Configure
) -> None:
    """Emptied rows are documents like any other to them."""
    remove(copied, WANTED, purge=True)
    before = emitted(copied)
    settings = ["dedup.threshold=0.95", "rules.max_line_length=900", "concatenate.order='none'"]
    run(config_of(copied, *settings), address="local")
    assert emitted(copied) == before
    assert verify(copied) == []


@pytest.mark.parametrize("n_folders", [0, 3, 9, 20])
def test_a_purge_that_was_killed_is_ended_by_the_next(
    copied: Path,
    small: Path,
    tmp_path: Path,
    config_of: Configure,
    monkeypatch: pytest.MonkeyPatch,
    n_folders: int,
) -> None:
    """Between an object and its receipt, too; the files are those of one that was not."""
    whole = tmp_path / "whole"
    shutil.copytree(small / "run", whole)
    remove(whole, WANTED, purge=True)

    class Killed(BaseException):
        pass

    flush, calls = purging.Receipts.flush, []

    def dying(receipts: Any) -> None:
        if receipts.n_pending and "/remove" not in receipts.folder:
            calls.append(receipts.folder)
            if len(calls) > n_folders:
                raise Killed
        flush(receipts)

    with monkeypatch.context() as patch:
        patch.setattr(purging.Receipts, "flush", dying)
        with pytest.raises(Killed):
            remove(copied, WANTED, purge=True)
    with pytest.raises(StorageError, match="sluice remove"):
        run(config_of(copied), address="local")
    removed = remove(copied, {})
    assert removed.absence is not None
    assert removed.absence.is_proven
    assert verify(copied) == []
    skipped = "removals.parquet"
    ours, theirs = product(copied), product(whole)
    assert {p: h for p, h in ours.items() if p != skipped} == {
        p: h for p, h in theirs.items() if p != skipped
    }
    assert not any(item.n_stale for item in plan(config_of(copied)))


def test_what_remains_is_told_and_fails(copied: Path, sluice: Sluice) -> None:
    """A file of somebody's own in the run folder that names a purged document."""
    (copied / "notes.txt").write_text("look at https://blog.example.com/1 again\n")
    code, out, _ = sluice("remove", str(copied), "--uri", WANTED["uri"][0], "--purge")
    assert code == 1
    assert "remains: notes.txt: address of a purged document" in out
    assert "absence is not proven" in out


def test_the_command_takes_lists_and_says_what_it_searched(
    copied: Path, tmp_path: Path, sluice: Sluice
) -> None:
    """Values, files with one a line; entries that name nothing are told."""
    names = tmp_path / "opt-outs.txt"
    names.write_text(f"{CAT}\n\nocto/unicorn\n")
    code, out, _ = sluice(
        "remove", str(copied), "--repo", f"@{names}", "--domain", "example.org", "--purge"
    )
    assert code == 0
    assert "repo octo/cat: 5 documents" in out
    assert "repo octo/unicorn: nothing" in out
    assert "domain example.org: 4 documents" in out
    assert ".parquet" in out
    assert "nothing of the purged documents remains" in out
    code, out, _ = sluice("show", str(copied), "https://www.example.org/1")
    assert code != 0


def test_a_record_that_never_became_a_document_is_emptied(
    copied: Path, config_of: Configure
) -> None:
    """It is named by the identity that its origin has; the count of such records stays."""
    origin = "more.jsonl:1"
    assert any(b"A secret of mine" in data for _, data in contents(copied))
    removed = remove(copied, {"doc_id": [doc_id(origin).hex()]}, purge=True)
    assert removed.absence is not None
    assert removed.absence.is_proven
    for name, data in contents(copied):
        assert b"A secret of mine" not in data, name
        assert origin.encode() not in data, name
    quarantined = read_shards(copied / "quarantine" / "web" / "documents").to_pylist()
    assert [(row["origin"], row["head"]) for row in quarantined] == [("", b"")]
    assert verify(copied) == []
    assert not any(item.n_stale for item in plan(config_of(copied)))


@pytest.mark.slow
def test_workers_write_the_same_bytes(copied: Path, small: Path, tmp_path: Path) -> None:
    """A private Ray with two of them."""
    other = tmp_path / "other"
    shutil.copytree(small / "run", other)
    remove(copied, WANTED, purge=True)
    remove(other, WANTED, purge=True, address=None, workers=2)
    assert verify(other) == []
    skipped = "removals.parquet"
    assert {p: h for p, h in product(copied).items() if p != skipped} == {
        p: h for p, h in product(other).items() if p != skipped
    }


def test_how_far_it_is_is_told(
    copied: Path, sluice: Sluice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each thing that can take long, to the last, where it may be told at any time."""
    monkeypatch.setattr("pipeline.cli.bars.LINE_SECONDS", 0)
    _, _, err = sluice("remove", str(copied), "--repo", CAT, "--purge")
    lines = re.findall(r"^(.+): ([\d,]+) of ([\d,]+)$", err, re.MULTILINE)
    last = {what: (done, total) for what, done, total in lines}
    whats = {"shard sets read", "shard files written", "folders purged", "files searched"}
    assert last.keys() == whats
    assert all(done == total for done, total in last.values()), last
