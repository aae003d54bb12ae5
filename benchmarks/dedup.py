"""Near-duplicates: Sluice and its peers, the same bytes in one run, CPU time.

    python benchmarks/dedup.py [signatures] [--source FOLDER OF .tar.gz | FILE.parquet]
    python benchmarks/dedup.py whole --peers PYTHON [--only sluice,rensa] [--megabytes 100]
    python benchmarks/dedup.py adversarial [--only identical,large]

`signatures` compares ours with those of datasketch. `whole` has each peer take a file of texts from
the file to the ids that stay, one process each, and has a judge compare every text with every other
(`benchmarks.near_duplicates`). `adversarial` has Sluice take what makes such a search slow or
wrong, and fails unless as many documents stay as have to. PYTHON is where the peers are installed:

    pip install datatrove[io,processing] spacy datasketch rensa text-dedup==0.4
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpora import DEFAULT
from benchmarks.near_duplicates import peers
from benchmarks.near_duplicates.adversarial import CASES, write_case
from benchmarks.near_duplicates.judge import Judgement, judge
from benchmarks.near_duplicates.signatures import compare_signatures
from benchmarks.near_duplicates.texts import write_texts

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass
class Taken:
    """What a peer took, and which ids it kept."""

    cpu: float
    wall: float
    peak_bytes: int
    kept: list[str]


def take(python: Path, name: str, source: Path, folder: Path) -> Taken:
    """One peer in a process of its own, whose children count. Bytecode is kept, as in any
    installation: to compile it at each start is no part of what is compared."""
    variables = {**os.environ, **ONE_THREAD, "HF_HUB_OFFLINE": "1"}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    answer, log = folder / f"{name}.txt", folder / f"{name}.log"
    with tempfile.TemporaryDirectory(dir=folder) as scratch, log.open("wb") as stream:
        command = [str(python), peers.__file__, name, str(source), str(answer), scratch]
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=stream,
            stderr=stream,
            env=variables,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{name} failed: {log.read_text()[-2000:]}")
    peak, *kept = answer.read_text().split()
    return Taken(usage.ru_utime + usage.ru_stime, wall, int(peak), kept)


def compare_whole(
    names: Sequence[str], python: Path, n_bytes: int, share: float, folder: Path
) -> None:
    """Run all and print a table."""
    source = folder / f"texts-{n_bytes // 1_000_000}.parquet"
    if not source.exists():
        write_texts(source, n_bytes)
    warm = folder / "warm.parquet"
    write_texts(warm, 1_000_000)
    take(Path(sys.executable), "sluice", warm, folder)  # compiles, or loads the compiled kernels
    taken = {
        name: take(Path(sys.executable) if name == "sluice" else python, name, source, folder)
        for name in names
    }
    print(f"{'':12} {'CPU s':>7} {'wall s':>7} {'MB':>6} {'ratio':>6} {'kept':>8}", flush=True)
    for name, one in taken.items():
        ratio = one.cpu / taken["sluice"].cpu if "sluice" in taken else 1.0
        size = one.peak_bytes / 1e6
        print(
            f"{name:12} {one.cpu:7.1f} {one.wall:7.1f} {size:6.0f} {ratio:6.1f} {len(one.kept):8,}",
            flush=True,
        )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    judgements = judge(source, [one.kept for one in taken.values()], share)
    print(
        f"compared: {share:.0%} of the documents with all ({judgements[0].pairs:,} pairs at"
        f" {peers.THRESHOLD} or above, of equal texts too),"
        f" {resource.getrusage(resource.RUSAGE_SELF).ru_utime - before:.0f} s"
    )
    for name, found in zip(taken, judgements, strict=True):
        print(f"{name:12} {_told(found)}")


def measure_adversarial(names: Sequence[str], folder: Path) -> None:
    """Run Sluice on each case, and print a row."""
    print(f"{'':12} {'documents':>9} {'text MB':>8} {'CPU s':>7} {'MB':>6} {'stay':>8}", flush=True)
    for name in names:
        source = folder / f"{name}.parquet"
        n_documents, n_bytes, expected = write_case(name, source)
        taken = take(Path(sys.executable), "sluice", source, folder)
        source.unlink()
        print(
            f"{name:12} {n_documents:9,} {n_bytes / 1e6:8.1f} {taken.cpu:7.1f}"
            f" {taken.peak_bytes / 1e6:6.0f} {len(taken.kept):8,}",
            flush=True,
        )
        assert len(taken.kept) == expected, (name, expected)


def _told(found: Judgement) -> str:
    return (
        f"{found.removed:8,} removed, {found.false:,} of them like no kept document;"
        f" {found.missed:,} pairs missed"
    )


def main() -> None:
    """Choose what to compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", nargs="?", choices=["signatures", "whole", "adversarial"], default="signatures"
    )
    parser.add_argument("--source", type=Path, default=DEFAULT, help="of signatures")
    parser.add_argument("--megabytes", type=float, default=None)
    parser.add_argument("--peers", type=Path, default=Path(sys.executable))
    parser.add_argument("--only", type=lambda names: names.split(","), help="peers or cases")
    parser.add_argument("--share", type=float, default=1.0, help="of the documents to judge")
    parser.add_argument("--folder", type=Path, default=None, help="keeps the texts and the logs")
    given = parser.parse_args()
    if given.what == "signatures":
        compare_signatures(given.source, int(1e6 * (given.megabytes or 16)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if given.what == "adversarial":
            measure_adversarial(given.only or list(CASES), folder.resolve())
            return
        names = given.only or list(peers.PEERS)
        n_bytes = int(1e6 * (given.megabytes or 100))
        compare_whole(names, given.peers, n_bytes, given.share, folder.resolve())


if __name__ == "__main__":
    main()
