"""Small tables in the columns of the dumps that are known."""

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from stages.contract import Input

COMMIT = "0123456789abcdef0123456789abcdef01234567"

STACK_V3 = [
    {
        "repo_path": "ada/engine",
        "repo_id": 7,
        "commit_id": COMMIT,
        "github_metadata": {
            "branch": "main",
            "repo_created_at": "2015-03-01T10:00:00Z",
            "is_fork": False,
            "stars": 12,
        },
        "num_files": 3,
        "files": [
            {
                "content_id": "c1",
                "content": "print('ä')\n",
                "size_bytes": 12,
                "file_path": "src/a.py",
                "file_timestamp": 1_400_000_000,
                "language": "Python",
                "is_vendor": False,
                "license_type": "permissive",
                "detected_licenses": ["MIT"],
            },
            {
                "content_id": "c2",
                "content": "int x;\n",
                "size_bytes": 7,
                "file_path": "vendor/b.c",
                "file_timestamp": None,
                "language": "C",
                "is_vendor": True,
                "license_type": "permissive",
                "detected_licenses": ["MIT", "Apache-2.0"],
            },
            {
                "content_id": "c3",
                "content": "echo\n",
                "size_bytes": 5,
                "file_path": "",
                "file_timestamp": None,
                "language": None,
                "is_vendor": None,
                "license_type": "no_license",
                "detected_licenses": [],
            },
        ],
    },
    {
        "repo_path": "bob/empty",
        "repo_id": 8,
        "commit_id": COMMIT,
        "github_metadata": None,
        "num_files": 0,
        "files": [],
    },
    {
        "repo_path": "eve/new",
        "repo_id": 9,
        "commit_id": COMMIT,
        "github_metadata": {
            "branch": "main",
            "repo_created_at": "2024-01-01T00:00:00Z",
            "is_fork": False,
            "stars": None,
        },
        "num_files": 1,
        "files": [
            {
                "content_id": "c4",
                "content": None,
                "size_bytes": None,
                "file_path": "x.go",
                "file_timestamp": None,
                "language": "Go",
                "is_vendor": False,
                "license_type": "no_license",
                "detected_licenses": None,
            }
        ],
    },
]

STACK_V2 = [
    {
        "blob_id": "b" * 40,
        "directory_id": "d" * 40,
        "path": "/src/a.py",
        "content_id": "e" * 40,
        "detected_licenses": ["MIT"],
        "license_type": "permissive",
        "repo_name": "ada/engine",
        "snapshot_id": "f" * 40,
        "revision_id": COMMIT,
        "branch_name": "refs/heads/main",
        "visit_date": None,
        "star_events_count": 12,
        "gha_created_at": "2015-03-01 10:00:00",
        "is_vendor": False,
        "is_generated": False,
        "length_bytes": 12,
        "extension": "py",
        "content": "print('ä')\n",
    }
]

STACK_V1 = [
    {
        "content": "print('ä')\n",
        "ext": "py",
        "lang": "Python",
        "max_stars_repo_name": "ada/engine",
        "max_stars_repo_path": "src/a.py",
        "max_stars_repo_head_hexsha": COMMIT,
        "max_stars_repo_licenses": ["MIT"],
        "max_stars_count": 12,
        "size": 12,
    }
]

STARCODER = [
    {
        "max_stars_repo_path": "src/a.py",
        "max_stars_repo_name": "ada/engine",
        "max_stars_count": 12,
        "id": "1",
        "content": "print('ä')\n",
    }
]

GITHUB_CODE = [
    {
        "code": "print('ä')\n",
        "repo_name": "ada/engine",
        "path": "src/a.py",
        "language": "Python",
        "license": "mit",
        "size": 12,
    }
]

BIGQUERY = [
    {"id": "1" * 40, "size": 12, "content": "print('ä')\n", "binary": False, "copies": 2},
    {"id": "2" * 40, "size": 9, "content": None, "binary": True, "copies": 1},
    {"id": "3" * 40, "size": 5, "content": "echo\n", "binary": False, "copies": 1},
]

BIGQUERY_FILES = [
    {
        "repo_name": "zed/copy",
        "ref": "refs/heads/main",
        "path": "a.py",
        "mode": 33188,
        "id": "1" * 40,
    },
    {
        "repo_name": "ada/engine",
        "ref": "refs/heads/main",
        "path": "src/a.py",
        "mode": 33188,
        "id": "1" * 40,
    },
    {
        "repo_name": "ada/engine",
        "ref": "refs/heads/main",
        "path": "link",
        "mode": 40960,
        "id": "3" * 40,
    },
    {
        "repo_name": "ada/engine",
        "ref": "refs/heads/main",
        "path": "other",
        "mode": 33188,
        "id": "9" * 40,
    },
]


def parquet(rows: list[dict[str, Any]] | pa.Table, **options: Any) -> bytes:
    """The rows as Parquet."""
    out = io.BytesIO()
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows)
    pq.write_table(table, out, **options)
    return out.getvalue()


def json_lines(rows: list[Any], end: str = ".jsonl") -> bytes:
    """The rows as JSON Lines, compressed as the name's end says."""
    data = b"".join(json.dumps(row, default=str).encode() + b"\n" for row in rows)
    if end.endswith(".gz"):
        return gzip.compress(data)
    return zstandard.compress(data) if end.endswith(".zst") else data


def table(data: bytes, name: str = "dump.parquet", **more: Any) -> Input:
    """The bytes as an input of that name."""
    return Input(name, f"/data/{name}", lambda: io.BytesIO(data), **more)
