"""What the list names is dropped, under any spelling, and nothing else."""

import pyarrow as pa
import pytest

from schemas.identity import doc_id
from schemas.removals import DOCUMENT, DOMAIN, REPO, URI
from stages.remove.options import RemoveOptions
from stages.remove.stage import RemoveStage, digest, normalised

FILE = "octo/cat@main:a.py"
PAGE = "https://www.example.org/a?b=1"


def decided(key: str, value: str, rows: pa.RecordBatch) -> list[str | None]:
    digests = sorted(digest(one) for one in normalised(key, value))
    stage = RemoveStage(RemoveOptions(removed={key: b"".join(digests)}, content="x"))
    reasons: list[str | None] = stage.decide(rows).to_pylist()
    return reasons


def files(*origins: str) -> pa.RecordBatch:
    repos = [origin.partition("@")[0] for origin in origins]
    return pa.RecordBatch.from_pydict(
        {
            "doc_id": pa.array([doc_id(one) for one in origins], pa.binary(16)),
            "uri": list(origins),
            "repo": repos,
        }
    )


def pages(*urls: str) -> pa.RecordBatch:
    hosts = [url.split("/")[2] for url in urls]
    return pa.RecordBatch.from_pydict(
        {
            "doc_id": pa.array([doc_id(one) for one in urls], pa.binary(16)),
            "uri": list(urls),
            "url": list(urls),
            "host": hosts,
            "domain": [host.removeprefix("www.") for host in hosts],
        }
    )


@pytest.mark.parametrize(
    ("key", "value", "rows"),
    [
        (URI, FILE, files(FILE, "octo/cat@main:b.py")),
        (REPO, "Octo/CAT", files(FILE, "octo/cats@main:a.py")),
        (DOCUMENT, doc_id(FILE).hex().upper(), files(FILE, "octo/cat@main:b.py")),
        (URI, "HTTPS://WWW.example.org:443/a?b=1#c", pages(PAGE, PAGE + "2")),
        (DOMAIN, "Example.org", pages(PAGE, "https://example.org.uk/a")),
        (DOMAIN, "www.example.org", pages(PAGE, "https://blog.example.org/a")),
    ],
)
def test_a_key_names_its_documents_alone(key: str, value: str, rows: pa.RecordBatch) -> None:
    """The first row, not the second."""
    assert decided(key, value, rows) == ["removed", None]


def test_a_purged_document_has_no_address_and_stays_out() -> None:
    """Whatever the list says."""
    assert decided(REPO, "nobody/here", files("", FILE)) == ["removed", None]


def test_a_digest_is_no_identity() -> None:
    """A list that is kept after a purge names no document by its doc_id."""
    assert digest(FILE) != doc_id(FILE)


def test_the_list_is_no_setting_and_no_part_of_a_receipt() -> None:
    """Receipts of a hundred thousand shards do not each hold it; its hash is there."""
    options = RemoveOptions(removed={URI: digest(FILE)}, content="abc")
    assert options.model_dump() == {}
    assert RemoveStage(options).resources() == {"removals": "abc"}
