"""Dumps of GitHub as tables: our reader and plain ones, on the same bytes in one run.

    python -m benchmarks.github_tables [MB] [LARGE_MB]

MB (40) of source code of `../shared/data/github`, repeated under new names, are written in the
columns of each dump that is known. Peers read the contents alone, as Python strings: pyarrow's
`iter_batches` and `datasets` (streaming), and know nothing of identities, licences or encodings; we
read the columns and make the raw batches of the source (`read`), then its documents (`read +
convert`). CPU time, one core, best of three.

LARGE_MB (0: not at all; 2050 is the promise) is one repository in one row of The Stack v3, once as
files of 10 kB and once of 1 MB, which pyarrow writes as one page: read by `github.documents`
in a process of its own, whose peak memory is told, beside that of pyarrow's `iter_batches(1)`.
"""

import gzip
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from stages.contract import Input
from stages.github.options import GithubOptions
from stages.github.stage import GithubSource

REPOSITORIES = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "github"
SOURCE = (".py", ".c", ".h", ".go", ".java", ".cs", ".js", ".sh", ".php", ".sql", ".hs", ".rs")
COMMIT = "0" * 40
LARGE_FILES = (10_000, 1_000_000)

MEASURE = """
import sys
from pathlib import Path
path, what, folder = sys.argv[1:]
if what == "sluice":
    from pipeline.configuration import load
    from pipeline.run import run
    config = load(None, [f"github.inputs=['{path}']"], Path(folder))
    run(config, address="local", stages=["github.documents"])
else:
    import pyarrow.parquet as pq
    table = pq.ParquetFile(path)
    for batch in table.iter_batches(1, columns=["files"]):
        pass
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


def main() -> None:
    """Print MB/s of each layout, and the peaks of the large rows."""
    megabytes, large = (int(one) for one in (*sys.argv[1:], *("40", "0")[len(sys.argv) - 1 :]))
    texts = source_texts(megabytes * 1_000_000)
    n_bytes = sum(len(text.encode()) for text in texts)
    print(f"{len(texts)} files, {n_bytes / 1e6:.0f} MB; MB/s of contents, CPU, one core")
    print("| layout | pyarrow | datasets | read | read + convert |")
    print("|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory(prefix="sluice-tables-") as folder:
        for name, (path, column) in written(Path(folder), texts).items():
            runs = (
                lambda path=path, column=column: read_by_pyarrow(path, column),
                lambda path=path, column=column: read_by_datasets(path, column),
                lambda path=path: read_by_us(path, convert=False),
                lambda path=path: read_by_us(path, convert=True),
            )
            speeds = [n_bytes / 1e6 / best(one) for one in runs]
            print(f"| {name} | " + " | ".join(f"{one:.0f}" for one in speeds) + " |")
        for size in LARGE_FILES if large else ():
            path = Path(folder) / f"large-{size}.parquet"
            write_large(path, texts, size, large * 1_000_000)
            peaks = [peak_of(path, what, Path(folder)) for what in ("sluice", "pyarrow")]
            print(f"a row of {large} MB, files of {size}: {peaks[0]} MiB, pyarrow {peaks[1]} MiB")
            path.unlink()


def source_texts(n_bytes: int) -> list[str]:
    """Real files, each of them new by its first line, up to so many bytes."""
    real = []
    for archive in sorted(REPOSITORIES.glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(SOURCE) and member.size < 1 << 20:
                    content = tar.extractfile(member)
                    assert content is not None
                    real.append(content.read().decode("utf-8", "replace"))
    texts, total = [], 0
    while total < n_bytes:
        for text in real:
            texts.append(f"// {len(texts)}\n{text}")
            total += len(text)
    return texts


def written(folder: Path, texts: list[str]) -> dict[str, tuple[Path, str]]:
    """A table in each layout: where it is, and the column of its contents."""
    paths = [f"src/file{number}.py" for number in range(len(texts))]
    repos = [f"owner/repo{number // 50}" for number in range(len(texts))]
    n = len(texts)
    files = [
        {"content": text, "file_path": path, "size_bytes": len(text.encode()), "is_vendor": False,
         "detected_licenses": ["MIT"]}
        for text, path in zip(texts, paths, strict=True)
    ]  # fmt: skip
    grouped = [files[start : start + 50] for start in range(0, n, 50)]
    tables: dict[str, tuple[str, dict[str, Any]]] = {
        "The Stack v3": (
            "files",
            {
                "repo_path": [f"owner/repo{number}" for number in range(len(grouped))],
                "commit_id": [COMMIT] * len(grouped),
                "github_metadata": [{"stars": 1, "repo_created_at": "2015-01-01T00:00:00Z"}]
                * len(grouped),
                "files": grouped,
            },
        ),
        "The Stack v2": (
            "content",
            {"blob_id": paths, "path": paths, "repo_name": repos, "revision_id": [COMMIT] * n,
             "detected_licenses": [["MIT"]] * n, "star_events_count": [1] * n, "content": texts},
        ),
        "The Stack v1": (
            "content",
            {"content": texts, "max_stars_repo_name": repos, "max_stars_repo_path": paths,
             "max_stars_repo_head_hexsha": [COMMIT] * n, "max_stars_count": [1] * n,
             "max_stars_repo_licenses": [["MIT"]] * n},
        ),
        "StarCoderData": (
            "content",
            {"max_stars_repo_path": paths, "max_stars_repo_name": repos,
             "max_stars_count": [1] * n, "content": texts},
        ),
        "github-code": (
            "code",
            {"code": texts, "repo_name": repos, "path": paths, "license": ["mit"] * n},
        ),
    }  # fmt: skip
    found = {}
    for name, (column, columns) in tables.items():
        path = folder / f"{name.replace(' ', '-')}.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=10_000)
        found[name] = path, column
    path = folder / "The-Stack-v1.jsonl.gz"
    rows = pa.table(tables["The Stack v1"][1]).to_pylist()
    path.write_bytes(compressed_lines(rows))
    found["The Stack v1, .jsonl.gz"] = path, "content"
    return found


def compressed_lines(rows: list[dict[str, Any]]) -> bytes:
    """The rows as JSON Lines."""
    return gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows), 6)


def best(run: Callable[[], None]) -> float:
    """CPU seconds of the best of three."""
    seconds = []
    for _ in range(3):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return min(seconds)


def read_by_us(path: Path, *, convert: bool) -> None:
    """Through the source."""
    source = GithubSource(GithubOptions())
    for event in source.read(Input(path.name, str(path), lambda: path.open("rb"))):
        if convert and isinstance(event, pa.RecordBatch):
            source.convert(event)


def read_by_pyarrow(path: Path, column: str) -> None:
    """The contents as Python strings; of JSON Lines as objects."""
    if path.name.endswith(".gz"):
        with pa.input_stream(str(path), compression="gzip") as stream:
            pj.read_json(stream).column(column).to_pylist()
        return
    for batch in pq.ParquetFile(path).iter_batches(1024, columns=[column], use_threads=False):
        batch.column(0).to_pylist()


def read_by_datasets(path: Path, column: str) -> None:
    """The rows of a streamed data set."""
    import datasets  # noqa: PLC0415

    kind = "json" if path.name.endswith(".gz") else "parquet"
    rows = datasets.load_dataset(kind, data_files=str(path), split="train", streaming=True)
    for row in rows:
        row[column]


def write_large(path: Path, texts: list[str], size: int, n_bytes: int) -> None:
    """One row of The Stack v3 with so many bytes in files of one size."""
    blob = "".join(texts).encode("ascii", "ignore").decode()

    def contents() -> Iterator[str]:
        for number in range(n_bytes // size):
            start = number * 104_729 % max(len(blob) - size, 1)
            yield f"# {number}\n{blob[start : start + size - 12]}"

    text = pa.array(contents(), pa.large_string())
    n = len(text)
    names = ["content", "file_path", "size_bytes", "is_vendor", "detected_licenses"]
    paths = pa.array([f"src/{number}.py" for number in range(n)])
    arrays = [text, paths, pa.array([size] * n), pa.array([False] * n), pa.array([["MIT"]] * n)]
    files = pa.ListArray.from_arrays([0, n], pa.StructArray.from_arrays(arrays, names))
    known = {"stars": 1, "repo_created_at": "2015-01-01T00:00:00Z"}
    columns = {"repo_path": ["a/large"], "commit_id": [COMMIT], "github_metadata": [known]}
    pq.write_table(pa.table({**columns, "files": files}), path)


def peak_of(path: Path, what: str, folder: Path) -> int:
    """MiB of a process that reads the file."""
    run = str(folder / f"run-{path.stem}")
    command = [sys.executable, "-c", MEASURE, str(path), what, run]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
