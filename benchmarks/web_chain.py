"""A WARC file as large as Common Crawl's, through the whole web chain: what each unit costs.

    python -m benchmarks.web_chain [PAGES] [FOLDER]

A real WARC file has about 40,000 pages of 100 kB. The development crawl has 600 so large; they are
repeated to PAGES (40,000), each copy at an address of its own and with every twelfth word of its
text replaced by another of the page, so that few are near-duplicates. `sluice run` takes that file
from bytes to shards, with the seeds and benchmarks of configs/dev.toml and two Ray workers, in
FOLDER (one of its own, deleted afterwards, unless named).

Per unit, from the run's own log: CPU seconds of its tasks, the most memory a worker held; then the
driver's memory, and how many pages a second of CPU fastwarc with resiliparse (if installed) and the
web source do on the same file: seconds of another machine compare by these. Written as JSON to
FOLDER and printed; `benchmarks/web_chain.json` is what docs/cost.md shows
(`python -m benchmarks.cost_table document`).
"""

import json
import re
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random
from subprocess import Popen
from threading import Thread
from typing import Any, NamedTuple

import pyarrow as pa

from benchmarks.corpora import DATA
from benchmarks.cost_table import WARC_PAGES
from benchmarks.extract import LARGE_BYTES
from pipeline.inspection.rates import ONCE, corpus_of, unit_of
from stages.web.decoding.charset import is_utf8
from stages.web.options import WebOptions
from stages.web.reading.http import parse_response
from stages.web.reading.records import RESPONSE, read_batches
from stages.web.stage import WebSource

EVERY_WORD = 12
COMPARED_PAGES = 3_000
MAX_BYTES = 16 << 20

_NO_TEXT = re.compile(rb"(<script\b.*?</script>|<style\b.*?</style>|<!--.*?-->)", re.S | re.I)
_RUN = re.compile(rb">([^<>]{20,})(?=<)")
_CONFIG = """
[web]
inputs = ["{warc}"]

[recall]
negatives = ["{data}/web/seeds/negatives_web.jsonl.gz"]

[recall.targets.code]
seeds = ["{data}/web/seeds/code_*.jsonl.gz"]

[recall.targets.math]
seeds = ["{data}/web/seeds/math_*.jsonl.gz"]

[decontaminate]
benchmarks = ["{data}/benchmarks"]
"""


class Page(NamedTuple):
    """A response of the crawl: its address, its block up to the payload, and that."""

    url: str
    head: bytes
    payload: bytes


def main() -> None:
    """Make the file, run the chain, print the table."""
    n_pages = int(sys.argv[1]) if len(sys.argv) > 1 else WARC_PAGES
    if len(sys.argv) > 2:
        measure(n_pages, Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(n_pages, Path(folder))


def measure(n_pages: int, folder: Path) -> None:
    """The whole benchmark in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    warc, config = folder / "repeated.warc.gz", folder / "web.toml"
    n_bytes = write_warc(warc, n_pages)
    config.write_text(_CONFIG.format(warc=warc, data=DATA.resolve()))
    command = ["run", str(config), "--run", str(folder / "run"), "--workers", "2"]
    driver_bytes = _run([sys.executable, "-m", "pipeline", *command])
    figures = {
        "pages": n_pages,
        "page_bytes": round(n_bytes / n_pages),
        "stored_bytes": warc.stat().st_size,
        **read_log(folder / "run" / "log.jsonl"),
        "driver_bytes": max(driver_bytes),
        "driver_bytes_half_way": driver_bytes[len(driver_bytes) // 2],
        "pages_per_core_second": {
            name: round(speed(extractor, warc), 1) for name, extractor in extractors().items()
        },
    }
    text = json.dumps(figures, indent=1)
    (folder / "web_chain.json").write_text(text + "\n")
    print(text)


def write_warc(path: Path, n_pages: int) -> int:
    """A file of so many records; the bytes of their payloads."""
    pages, total = list(large_pages()), 0
    with path.open("wb") as stream:
        for number in range(n_pages):
            copy, place = divmod(number, len(pages))
            page = pages[place]
            payload = varied(page.payload, Random(number)) if copy else page.payload
            url = f"{page.url.rstrip('/')}/{copy}" if copy else page.url
            total += len(payload)
            stream.write(_record(url, page.head + payload))
    return total


def large_pages() -> Iterator[Page]:
    """The large responses of the development crawl that are UTF-8."""
    for path in sorted((DATA / "web" / "crawl").glob("*.warc.gz")):
        with path.open("rb") as stream:
            for event in read_batches(path.name, stream, MAX_BYTES):
                for record in event.to_pylist() if isinstance(event, pa.RecordBatch) else []:
                    block, response = record["body"], parse_response(record["body"])
                    if record["form"] != RESPONSE or response is None or response.encodings:
                        continue
                    payload = block[response.payload_start :]
                    if len(payload) >= LARGE_BYTES and is_utf8(payload):
                        yield Page(record["url"], block[: response.payload_start], payload)


def varied(payload: bytes, random: Random) -> bytes:
    """A page with every twelfth word of its text replaced by another of its words."""
    parts = _NO_TEXT.split(payload)
    words = [word for part in parts[::2] for run in _RUN.findall(part) for word in run.split()]

    def replace(run: re.Match[bytes]) -> bytes:
        own = run[1].split(b" ")
        for place in range(random.randrange(EVERY_WORD), len(own), EVERY_WORD):
            own[place] = random.choice(words)
        return b">" + b" ".join(own)

    parts[::2] = [_RUN.sub(replace, part) for part in parts[::2]]
    return b"".join(parts)


def _record(url: str, block: bytes) -> bytes:
    header = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Date: 2024-05-18T00:00:00Z\r\n"
        f"WARC-Target-URI: {url}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    compressor = zlib.compressobj(4, wbits=31)
    record = header.encode() + block + b"\r\n\r\n"
    return compressor.compress(record) + compressor.flush()


def _run(command: list[str]) -> list[int]:
    """Run a command to its end: the memory of its process, twice a second."""
    seen: list[int] = []
    process = Popen(command)

    def watch() -> None:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            found = re.search(r"VmRSS:\s+(\d+)", status.read_text())
            if found:
                seen.append(int(found[1]) << 10)
            time.sleep(0.5)

    watcher = Thread(target=watch)
    watcher.start()
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return seen


def read_log(log: Path) -> dict[str, Any]:
    """Of the web's units, core-seconds and the largest peak of a worker, in order; training and
    seeds, which a crawl pays once, by themselves."""
    seconds, peaks, once = defaultdict[str, float](float), defaultdict[str, int](int), 0.0
    for line in log.read_text().splitlines():
        event: dict[str, Any] = json.loads(line)
        if event["event"] != "task":
            continue
        unit = unit_of(event["step"])
        if corpus_of(unit) != "web" or event["step"].rpartition(".")[2] in ONCE:
            once += event["cpu_seconds"]
            continue
        seconds[unit] += event["cpu_seconds"]
        peaks[unit] = max(peaks[unit], event["peak_bytes"] or 0)
    units = {
        unit: {"core_seconds": round(spent, 2), "task_bytes": peaks[unit]}
        for unit, spent in seconds.items()
    }
    return {"units": units, "once_core_seconds": round(once, 1)}


def speed(extractor: Callable[[Path, int], int], warc: Path) -> float:
    """Pages a second of CPU, its kernels loaded."""
    extractor(warc, 10)
    begun = time.process_time()
    return extractor(warc, COMPARED_PAGES) / (time.process_time() - begun)


def extractors() -> dict[str, Callable[[Path, int], int]]:
    """What reads so many pages of the file to texts, and how many it were: ours, and the peer if it
    is installed."""
    found = {"web source": _read_by_source}
    if find_spec("fastwarc") and find_spec("resiliparse"):
        found["fastwarc and resiliparse"] = _read_by_resiliparse
    return found


def _read_by_source(path: Path, most: int) -> int:
    source, n_pages = WebSource(WebOptions()), 0
    with path.open("rb") as stream:
        for event in read_batches(path.name, stream, MAX_BYTES):
            if isinstance(event, pa.RecordBatch):
                n_pages += source.convert(event).num_rows
                if n_pages >= most:
                    break
    return n_pages


def _read_by_resiliparse(path: Path, most: int) -> int:
    from fastwarc.warc import ArchiveIterator, WarcRecordType  # noqa: PLC0415
    from resiliparse.extract.html2text import extract_plain_text  # noqa: PLC0415
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding  # noqa: PLC0415
    from resiliparse.parse.lang import detect_fast  # noqa: PLC0415

    n_pages = 0
    with path.open("rb") as stream:
        records = ArchiveIterator(stream, record_types=WarcRecordType.response, parse_http=True)
        for record in islice(records, most):
            body = record.reader.read()
            html = bytes_to_str(body, detect_encoding(body))
            detect_fast(extract_plain_text(html, main_content=True))
            n_pages += 1
    return n_pages


if __name__ == "__main__":
    main()
