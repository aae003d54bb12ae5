"""Where the figures of `seeds/cost.toml` and `docs/cost.md` come from.

    python -m benchmarks.cost_table rates RUN > seeds/cost.toml     from RUN's log and receipts
    python -m benchmarks.cost_table document > docs/cost.md         from seeds/cost.toml

The rates are those of one whole run in a folder of its own; the document multiplies them, and
shows beside them what `benchmarks/web_chain.py` measured.
"""

import json
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pipeline.inspection.cost import (
    SECONDS_PER_HOUR,
    Estimate,
    corpus_bytes,
    show_size,
    unit_cost,
)
from pipeline.inspection.rates import TABLE, corpus_of, default_rates, every_unit, own_rates
from pipeline.storage.intake.input_record import load
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import LocalStorage

WARC_BYTES = 1_000_000_000
"""About what a WARC file of Common Crawl has, compressed."""

WARC_PAGES = 40_000
"""About what it has of pages."""
CRAWL_WARCS = 90_000
SCALES = (("1 WARC", 1), ("1,000 WARCs", 1000), ("1 crawl", CRAWL_WARCS), ("100 crawls", 9_000_000))

HEADINGS = (
    "input",
    "stored",
    "core-hours",
    "on up to 1,000 cores",
    "product",
    "tables",
    "scratch",
    "documents",
    "driver",
)

RECEIPT_BYTES = 2_600
"""Held by the driver per shard and unit (`benchmarks/scale.py`)."""

PAGE = """# What a corpus costs

`sluice plan CONFIG` ends with an estimate for the configuration at hand: core-hours, the size of
the product, of the tables and of the intermediates. It multiplies the stored size of the inputs
with what each unit has cost before: in this run folder if it has begun with the unit, else by the
measured defaults of `seeds/cost.toml`, which another corpus may miss by far. So the best estimate
of a crawl is to run a hundred of its WARC files and ask `plan` about all of them.

This page is written by `python -m benchmarks.cost_table document`; no figure in it was typed. The
defaults are from a whole run of `configs/dev.toml`, which is small (each worker's start counts),
has smaller pages than a real crawl and far more of them about code and mathematics: product and
documents are upper bounds. What does not grow with the input counts once: training with that run's
few hundred seeds, its examples and models, and what a worker loads before its first task.

A WARC file is taken to have {warc}, a crawl {crawl:,} of them.

{headings}
{scales}

- **Tables** stay, so that a threshold can be changed without reading anything again; `documents`
  and dedup's signatures are most of them. **Scratch** is the largest corpus stage's, deleted when
  it is committed: near-duplicate removal writes about 0.7 kB a document, and the texts of
  candidates.
- **Memory.** A worker's largest peak in the run was {largest}. Near-duplicate removal holds a
  bounded partition in every task ([dedup.md](dedup.md)).
- **Driver.** {receipt:,} bytes for each shard and unit (`benchmarks/scale.py`). A shuffle between
  shards keeps 12 bytes more for each pair of shards that exchanges rows.
- One hundred crawls at once is arithmetic, not experience.

| unit | core-seconds per GB | stays, of the input | scratch, of the input |
|---|--:|--:|--:|
{units}

## Pages as large as a crawl's

The rates above are those of small pages. A WARC file of Common Crawl has about {warc_pages:,} pages
of 100 kB. `python -m benchmarks.web_chain {pages}` repeats the large pages of the development crawl
to a file of {pages:,} ({page_size} each, {stored} compressed), every copy at its own address and
with every twelfth word of its text another, and takes it through `sluice run`, from bytes to
shards, with two Ray workers. CPU of the run's own tasks:

| unit | core-seconds | share | for {warc_pages:,} pages | worker's peak |
|---|--:|--:|--:|--:|
{chain}

- Most of these pages are recalled and emitted, of a crawl's few are: what comes behind recall is an
  upper bound. Decontamination reads its benchmarks once in each worker.
- Seeds and training cost {once:.0f} core-seconds besides, once for any number of files.
- The driver held {driver} at most, {half_way} half-way.
- Pages of the same file for a second of CPU, in one process:
  {speeds}. The seconds of another machine compare by these.
"""

CHAIN = Path(__file__).with_name("web_chain.json")


RATES = (
    *("core_seconds", "table_bytes", "scratch_bytes", "task_bytes"),
    *("once_core_seconds", "once_table_bytes", "once_scratch_bytes"),
)


def rates_of(run: Path) -> str:
    """`seeds/cost.toml`, by the rates of a run that was made from nothing in one go."""
    storage = LocalStorage(run)
    inputs = load(storage)
    rates = own_rates(storage, [], inputs)
    lines = [
        "# What each unit of a run costs, per stored byte of its corpus's inputs: measured in a",
        "# whole run of configs/dev.toml by `python -m benchmarks.cost_table rates RUN`.",
        "# core_seconds: CPU; table_bytes: what stays; scratch_bytes: what is deleted when the",
        "# unit is committed; task_bytes: the largest peak of a worker; once_…: what does not grow",
        "# with the input: training, its examples and models, and what a worker loads.",
        "",
        "[documents]",
    ]
    for corpus, n_bytes in sorted(corpus_bytes(inputs).items()):
        receipts = parse_receipts(storage, f"{corpus}/documents").values()
        if n_bytes:
            lines.append(f"{corpus} = {sum(one.rows for one in receipts) / n_bytes:.4g}")
    for unit in (unit for unit in every_unit() if unit in rates):
        lines += ["", f'[rates."{unit}"]']
        lines += [f"{name} = {getattr(rates[unit], name):.4g}" for name in RATES]
    return "\n".join(lines) + "\n"


def web_estimate(n_bytes: int) -> Estimate:
    """The default rates of the web's units, for so many bytes of WARC files."""
    rates = default_rates()
    units = [unit for unit in rates if corpus_of(unit) == "web"]
    return Estimate(tuple(unit_cost(unit, 1.0, n_bytes, rates[unit]) for unit in units))


def document() -> str:
    """`docs/cost.md`."""
    content = tomllib.loads(files("seeds").joinpath(TABLE).read_text(encoding="utf-8"))
    one, rates = web_estimate(WARC_BYTES), default_rates()
    largest = max(rates.values(), key=lambda rate: rate.task_bytes).task_bytes
    scales = [_row(name, n_warcs, content, len(one.units)) for name, n_warcs in SCALES]
    units = [
        f"| {unit.unit} | {1e9 * rates[unit.unit].core_seconds:,.1f} "
        f"| {rates[unit.unit].table_bytes:.3f} | {rates[unit.unit].scratch_bytes:.3f} |"
        for unit in one.units
    ]
    return PAGE.format(
        warc=show_size(WARC_BYTES),
        crawl=CRAWL_WARCS,
        headings=f"| {' | '.join(HEADINGS)} |\n|---{'|--:' * (len(HEADINGS) - 1)}|",
        scales="\n".join(scales),
        largest=show_size(largest),
        receipt=RECEIPT_BYTES,
        units="\n".join(units),
        **_chain(json.loads(CHAIN.read_text(encoding="utf-8"))),
    )


def _chain(measured: dict[str, Any]) -> dict[str, Any]:
    """What `benchmarks/web_chain.py` measured, for the page."""
    units, pages = measured["units"], measured["pages"]
    total = sum(unit["core_seconds"] for unit in units.values())
    peak = max(unit["task_bytes"] for unit in units.values())
    everything = {**units, "all": {"core_seconds": total, "task_bytes": peak}}
    rows = [
        f"| {name} | {unit['core_seconds']:.1f} | {unit['core_seconds'] / total:.0%} "
        f"| {WARC_PAGES * unit['core_seconds'] / pages:.1f} | {show_size(unit['task_bytes'])} |"
        for name, unit in everything.items()
    ]
    speeds = measured["pages_per_core_second"].items()
    return {
        "pages": pages,
        "warc_pages": WARC_PAGES,
        "page_size": show_size(measured["page_bytes"]),
        "stored": show_size(measured["stored_bytes"]),
        "chain": "\n".join(rows),
        "once": measured["once_core_seconds"],
        "driver": show_size(measured["driver_bytes"]),
        "half_way": show_size(measured["driver_bytes_half_way"]),
        "speeds": ", ".join(f"{name} {speed:.0f}" for name, speed in speeds),
    }


def _row(name: str, n_warcs: int, content: dict[str, Any], n_units: int) -> str:
    n_bytes = n_warcs * WARC_BYTES
    cost = web_estimate(n_bytes)
    cells = [
        name,
        show_size(n_bytes),
        f"{cost.core_hours:,.3g}" if cost.core_hours < 1000 else f"{cost.core_hours:,.0f}",
        _duration(cost.core_hours / min(1000, n_warcs) * SECONDS_PER_HOUR),
        show_size(cost.product_bytes),
        show_size(cost.table_bytes),
        show_size(cost.scratch_bytes),
        f"{content['documents']['web'] * n_bytes:,.0f}",
        show_size(n_warcs * n_units * RECEIPT_BYTES),
    ]
    return f"| {' | '.join(cells)} |"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    hours = seconds / SECONDS_PER_HOUR
    return f"{hours:.2g} h" if hours < 72 else f"{hours / 24:,.0f} days"


def main() -> None:
    """Print what was asked for."""
    match sys.argv[1:]:
        case ["rates", run]:
            print(rates_of(Path(run)), end="")
        case ["document"]:
            print(document(), end="")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
