"""What a run costs its driver: grouped receipts, little memory, nothing done twice."""

import gc
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine.executor import LocalExecutor, Resources
from pipeline.engine.outcomes import GROUP_RECEIPTS, ReceiptGroup
from pipeline.engine.plans import Plan, PlanSequence
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work.task import Context, Limits, Quarantine, Result
from pipeline.storage.digest import bytes_digest
from pipeline.storage.ledger_names import GROUP_SUFFIX, RECEIPT_SUFFIX, ledger_of
from pipeline.storage.packing import Digests, Packed, Pool, pack
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import Written
from stages.errors import StorageError

FOLDER = "web/dedup"
RESOURCES = Resources(1.0, 0)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class CountingStorage(LocalStorage):
    """A local disk that notes which small files were written and which folders settled."""

    events: list[str]

    def write(self, path: str, data: bytes) -> None:
        super().write(path, data)
        self.events.append(path)

    def settle(self, folder: str) -> None:
        super().settle(folder)
        self.events.append(f"settle {folder}")


@pytest.fixture
def storage(tmp_path: Path) -> CountingStorage:
    storage = CountingStorage(tmp_path)
    object.__setattr__(storage, "events", [])
    return storage


def add(storage: LocalStorage, receipts: Receipts, key: str, version: int = 1) -> Receipt:
    path = f"{FOLDER}/{key}.parquet"
    storage.root.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
    storage.root.joinpath(path).write_bytes(b"data")
    mark = storage.mark(path)
    receipt = Receipt(
        step="web.dedup",
        key=key,
        object=f"{key}.parquet",
        components={"version": version, "web.documents.text": bytes_digest(key.encode())},
        rows=1,
        size=mark.size,
        modified=mark.modified,
        xxh3=bytes_digest(b"data"),
        columns={"keep": bytes_digest(key.encode())},
        summary={"statistics": {"cube": [[None, key, 1.5]]}},
        effort={"generation": 7},
    )
    receipts.add(receipt)
    return receipt


def names(storage: LocalStorage, suffix: str) -> list[str]:
    return sorted(name for name in storage.list(FOLDER) if name.endswith(suffix))


def test_several_receipts_are_one_file_written_after_the_data_is_settled(
    storage: CountingStorage,
) -> None:
    """A group costs one settled folder and one file; one receipt keeps its own name."""
    receipts = Receipts(storage, FOLDER)
    expected = {key: add(storage, receipts, key) for key in ("00000", "00001", "00002")}
    assert Receipts(storage, FOLDER).load() == {}
    receipts.flush()
    group = f"{FOLDER}/g00000007-000001{GROUP_SUFFIX}"
    assert storage.events == [f"settle {FOLDER}", group]
    expected["00003"] = add(storage, receipts, "00003")
    receipts.flush()
    assert names(storage, RECEIPT_SUFFIX) == [f"00003{RECEIPT_SUFFIX}"]
    assert Receipts(storage, FOLDER).load() == expected


def test_groups_are_rolled_into_the_ledger(storage: CountingStorage) -> None:
    """The ledger takes over what groups held, statistics included."""
    receipts = Receipts(storage, FOLDER)
    receipts.load()
    expected = {}
    for part in range(3):
        expected |= {key: add(storage, receipts, key) for key in (f"{part}0", f"{part}1")}
        receipts.flush()
    assert len(names(storage, GROUP_SUFFIX)) == 3
    receipts.roll()
    assert names(storage, GROUP_SUFFIX) == []
    assert storage.exists(ledger_of(FOLDER))
    assert Receipts(storage, FOLDER).load() == expected


def test_a_receipt_in_a_group_can_be_discarded(storage: CountingStorage) -> None:
    """Its neighbours stay, and a later driver's groups have names of their own."""
    receipts = Receipts(storage, FOLDER)
    kept = {key: add(storage, receipts, key) for key in ("00000", "00001", "00002")}
    receipts.flush()
    later = Receipts(storage, FOLDER)
    later.load()
    later.discard(["00001"])
    del kept["00001"]
    assert Receipts(storage, FOLDER).load() == kept
    kept |= {key: add(storage, later, key, 2) for key in ("00001", "00003")}
    later.flush()
    assert Receipts(storage, FOLDER).load() == kept


def test_a_flipped_byte_in_a_ledger_is_found(storage: CountingStorage) -> None:
    """Wherever it falls, loading says so, or misses a receipt: it never takes a wrong one."""
    receipts = Receipts(storage, FOLDER)
    receipts.load()
    expected = {"00000": add(storage, receipts, "00000")}
    receipts.roll()
    path = storage.root / ledger_of(FOLDER)
    sound = path.read_bytes()
    n_found = 0
    for place in range(0, len(sound), 7):
        damaged = bytearray(sound)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        try:
            found = Receipts(storage, FOLDER).load()
        except StorageError:
            n_found += 1
        else:
            assert found.items() <= expected.items()
    assert n_found > 50


def test_a_full_group_is_written_at_once(storage: CountingStorage) -> None:
    """256 receipts wait for no clock; the first of a step does not wait at all."""
    receipts = Receipts(storage, FOLDER)
    group = ReceiptGroup(storage, receipts, "quarantine/web/dedup")
    for number in range(GROUP_RECEIPTS + 2):
        add(storage, receipts, f"{number:05d}")
        group.flush_if_due()
    assert receipts.n_pending <= 1
    assert len(names(storage, RECEIPT_SUFFIX)) == 1


@given(st.dictionaries(st.text(), JSON))
def test_a_packed_table_equals_the_table(table: dict[str, object]) -> None:
    """Item for item, in the same order."""
    packed = pack(table)
    assert packed == table
    assert list(packed.items()) == list(table.items())
    assert pack(packed) is packed
    assert all(packed[key] == value for key, value in table.items())


def test_digests_share_their_names() -> None:
    """They read as the dictionary they came from; what is no digest stays as it is."""
    pool = Pool()
    table = {"keep": bytes_digest(b"a"), "reason": bytes_digest(b"b")}
    shared = pool.columns(table)
    assert isinstance(shared, Digests)
    assert (shared, list(shared)) == (table, list(table))
    with pytest.raises(KeyError, match="text"):
        shared["text"]
    assert pool.columns({"keep": "0"}) == {"keep": "0"}


@dataclass(frozen=True)
class NoWork:
    """An object of one byte with the statistics of a real shard."""

    number: int

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        with context.storage.open_write(context.temporary) as stream:
            stream.write(b"x")
        cube = [[None, f"Language {n}", "MIT", n, self.number, 0.5] for n in range(100)]
        columns = {name: bytes_digest(f"{name}{self.number}".encode()) for name in ("a", "b")}
        written = Written(rows=1, size=1, xxh3=bytes_digest(b"x"), columns=columns)
        return Result(written, {"statistics": {"cube": cube}}, text_bytes=1, records=1)


def run_shards(storage: LocalStorage, n_shards: int, version: int = 1) -> tuple[Runner, list[str]]:
    built: list[str] = []

    def plan(key: str) -> Plan:
        built.append(key)
        return Plan(key, {"version": version}, lambda: NoWork(int(key)))

    keys = [f"{number:05d}" for number in range(n_shards)]
    runner = Runner(storage, LocalExecutor(storage, 3), Monitor(), 1, Limits(60.0), 0.01)
    receipts = runner.ensure("web.dedup", FOLDER, PlanSequence(keys, plan), RESOURCES)
    assert list(receipts) == keys
    return runner, built


def test_plans_are_built_when_needed_and_a_second_pass_makes_nothing(tmp_path: Path) -> None:
    """Once to look, once to make; then once to look, and nothing is left to do."""
    storage = LocalStorage(tmp_path)
    first, built = run_shards(storage, 20)
    assert (first.items[0].n_stale, first.items[0].reasons) == (20, {"never made": 20})
    assert len(built) == 2 * 20 + 1
    second, built = run_shards(storage, 20)
    assert (second.items[0].n_stale, len(built)) == (0, 20)
    third, _ = run_shards(storage, 20, version=2)
    assert third.items[0].reasons == {"version 1 → 2": 20}


def test_a_receipt_takes_little_memory(tmp_path: Path) -> None:
    """Two kilobytes held per shard, of 20 as plain objects."""
    storage = LocalStorage(tmp_path)
    run_shards(storage, 200)
    receipts = Receipts(storage, FOLDER)
    tracemalloc.start()
    try:
        receipts.load()
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / 200 < 2500
    assert all(isinstance(receipt.summary, Packed) for receipt in receipts.current.values())
