"""A run folder on an object store loses documents as one on a disk does."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.inspection.verify import verify
from pipeline.removal import purge as purging
from pipeline.removal.remove import remove
from pipeline.run import plan, run
from pipeline.storage.location import open_storage
from pipeline.storage.removals import FILE
from pipeline.storage.storage import LocalStorage
from tests.pipeline.object_store import BUCKET, FaultProxy
from tests.pipeline.removal.conftest import configured
from tests.pipeline.removal.test_purge import WANTED
from tests.pipeline.storage.faulty_store import contents

pytest.importorskip("moto")


def test_a_store_ends_with_what_a_disk_has(
    proxy: FaultProxy, small: Path, copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the purge is killed between an object and its receipt."""
    remove(copied, WANTED, purge=True)
    config = configured(small / "inputs", Path(f"s3://{BUCKET}/runs/removal"))
    run(config, address="local")

    class Killed(BaseException):
        pass

    flush, calls = purging.Receipts.flush, []

    def dying(receipts: Any) -> None:
        if receipts.n_pending and "/remove" not in receipts.folder:
            calls.append(receipts.folder)
            if len(calls) > 12:
                raise Killed
        flush(receipts)

    with monkeypatch.context() as patch:
        patch.setattr(purging.Receipts, "flush", dying)
        with pytest.raises(Killed):
            remove(config.run, WANTED, purge=True)
    removed = remove(config.run, {})
    assert removed.absence is not None
    assert removed.absence.is_proven
    assert verify(config.run) == []
    assert not any(item.n_stale for item in plan(config))
    ours, theirs = contents(open_storage(config.run)), contents(LocalStorage(copied))
    assert {p: h for p, h in ours.items() if p != FILE} == {
        p: h for p, h in theirs.items() if p != FILE
    }
