"""Many archives through `github.documents`: memory, MB/s of a core, how often each is read.

    python -m benchmarks.archives [GB] [LARGE_MB]

GB (5; 20 is the promise) of the archives in `../shared/data/github`, copied under new names, and
one archive of LARGE_MB (200) in which all of their files are repeated, are read by a run of that
stage in one process, the driver's work included. Told are the process's peak memory, MB of archives
and of text per second of CPU, and what it read: bytes that it asked the system for (`rchar`) as a
multiple of the bytes there are, less what the same run of one archive alone reads. What was made
lies under TMPDIR, twice GB, and is deleted.
"""

import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

REPOSITORIES = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "github"

MEASURE = """
import json, resource, sys
from pathlib import Path
from pipeline.configuration import load
from pipeline.inspection.stats import funnel
from pipeline.run import run
inputs, folder = sys.argv[1:]
loaded = load(None, [f"github.inputs=['{inputs}']"], Path(folder))
run(loaded, address="local", stages=["github.documents"])
used = resource.getrusage(resource.RUSAGE_SELF)
read = next(line for line in open("/proc/self/io") if line.startswith("rchar"))
count = funnel(loaded.run)[0]
print(json.dumps({
    "seconds": used.ru_utime + used.ru_stime,
    "peak_mib": used.ru_maxrss // 1024,
    "read": int(read.split()[1]),
    "documents": count.documents,
    "text": count.kept_bytes,
    "skipped": sum(count.skipped.values()),
    "quarantined": count.quarantined,
}))
"""


def main() -> None:
    """Print one line for many archives, one for a large one."""
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    large = float(sys.argv[2]) if len(sys.argv) > 2 else 200
    archives = sorted(REPOSITORIES.glob("*.tar.gz"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        first = copies(archives[:1], 0, folder / "first")
        alone = measure(first, folder / "run-first")
        tell(f"{gigabytes:g} GB", copies(archives, gigabytes * 1e9, folder / "many"), alone)
        if large:
            tell(f"one of {large:g} MB", [one_large(archives, large * 1e6, folder)], alone)


def tell(name: str, archives: list[Path], alone: dict[str, float]) -> None:
    """Measure a run and delete it."""
    stored = sum(path.stat().st_size for path in archives)
    run = archives[0].parent / "run"
    found = measure(archives, run)
    seconds = found["seconds"] - alone["seconds"]
    times = (found["read"] - alone["read"]) / stored
    print(
        f"{name}: {len(archives):,} archives, {found['documents']:,} documents, "
        f"{found['skipped']:,} skipped, {found['quarantined']:,} quarantined\n"
        f"  {found['peak_mib']:,} MiB at most; per second of CPU {stored / 1e6 / seconds:.1f} MB "
        f"of archives, {found['text'] / 1e6 / seconds:.1f} MB of text; read {times:.2f} times",
        flush=True,
    )
    shutil.rmtree(archives[0].parent)


def copies(archives: list[Path], n_bytes: float, folder: Path) -> list[Path]:
    """Archives under new names, until there are so many bytes; each once at least."""
    folder.mkdir()
    made: list[Path] = []
    size = 0
    while size < n_bytes or not made:
        number = len(made) // len(archives)
        for path in archives:
            owner, _, name = path.name.removesuffix(".tar.gz").partition("__")
            made.append(folder / f"{owner}__{name}.{number}.tar.gz")
            shutil.copyfile(path, made[-1])
            size += path.stat().st_size
    return made


def one_large(archives: list[Path], n_bytes: float, folder: Path) -> Path:
    """All files of the archives as one, again and again in folders of their own."""
    (folder / "large").mkdir()
    path = folder / "large" / "a__large.tar.gz"
    number = 0
    with path.open("wb") as stream, tarfile.open(fileobj=stream, mode="w:gz") as target:
        while stream.tell() < n_bytes:
            number += 1
            for archive in archives:
                with tarfile.open(archive) as source:
                    for member in source:
                        data = source.extractfile(member) if member.isreg() else None
                        if data is not None:
                            member.name = f"large/{number}/{archive.stem}/{member.name}"
                            member.pax_headers = {}
                            target.addfile(member, io.BytesIO(data.read()))
    return path


def measure(archives: list[Path], run: Path) -> dict[str, float]:
    """The stage over the archives of a folder, in a process of its own."""
    inputs = archives[0].parent / "*.tar.gz"
    command = [sys.executable, "-c", MEASURE, str(inputs), str(run)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
