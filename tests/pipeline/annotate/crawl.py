"""A synthetic iteration with as many patterns as a crawl proposes, and no page to read."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.documents import WEB_DOCUMENTS
from tests.pipeline.annotate.conftest import PATTERNS, THRESHOLD, write

PATTERNS_PER_DOMAIN = 6
DIRECTORIES = ("a/", "a/b/", "a/b/c/", "d/", "d/e/")


def write_crawl(run: Path, n_patterns: int) -> Path:
    """Each domain has its host and five directories; page counts fall off as they do on the web."""
    n_domains = n_patterns // PATTERNS_PER_DOMAIN
    numbers = np.arange(n_domains)
    sizes = (1 + 200_000 // (1 + numbers)) * 32
    names = [f"site-{number}.example" for number in numbers.tolist()]
    columns: dict[str, list[object]] = {name: [] for name in PATTERNS.names}
    for place, directory in enumerate(("", *DIRECTORIES)):
        columns["pattern"] += [f"{name}/{directory}" if directory else name for name in names]
        columns["domain"] += names
        n_pages = np.maximum(sizes >> place, 1)
        columns["n_pages"] += n_pages.tolist()
        columns["n_recalled"] += (n_pages * ((numbers + place) % 10) // 9).tolist()
    n = len(columns["pattern"])
    n_pages, n_recalled = (np.array(columns[name]) for name in ("n_pages", "n_recalled"))
    columns |= {
        "target": ["code"] * n,
        "hit_rate": (n_recalled / n_pages).tolist(),
        "depth": [text.count("/") for text in map(str, columns["pattern"])],
        "accepted": [None] * n,
        "decided_by": [None] * n,
        "examples": [[]] * n,
    }
    folder = run / "web/recall/iteration-1"
    write(folder / "patterns/00000.parquet", pa.table(columns, PATTERNS))
    domains = {"domain": names, "n_pages": sizes, "n_recalled_code": sizes // 2}
    domains |= {"share_code": np.full(n_domains, 0.5), "is_code": np.full(n_domains, True)}
    write(folder / "domains/00000.parquet", pa.table(domains))
    fields = [("shard", pa.int32()), ("row", pa.int64()), ("doc_id", pa.binary(16))]
    fields += [("domain", pa.string()), ("score_code", pa.float64())]
    write(folder / "scores/00000.parquet", pa.schema(fields).empty_table())
    path = run / "web/documents/00000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(WEB_DOCUMENTS.empty_table(), path)
    metrics = {"accepted": True, "targets": {"code": {"calibration": {"threshold": THRESHOLD}}}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return run
