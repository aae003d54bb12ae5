"""What dedup writes down for someone to look at."""

import random
from collections import Counter

import pyarrow as pa
import pytest

from schemas.alarms import ALARMS, CLUSTER
from schemas.identity import doc_id
from stages.dedup.alarms import CountRepeats, FindAlarms
from tests.stages.dedup.wording import document, words


def alarms(outcome):
    """Kind and value → documents, dropped and samples."""
    rows = [row for batch in outcome.corpus.kept["alarms"].read() for row in batch.to_pylist()]
    return {
        (row["kind"], row["value"]): (row["documents"], row["dropped"], row["samples"])
        for row in rows
    }


@pytest.mark.parametrize("shard_rows", [7, 1_000])
def test_sources_and_languages_that_lose_nearly_all_are_named(deduplicate, shard_rows):
    """From 20 documents on, over 90 %: with their numbers and the least doc_ids that were dropped,
    whatever the shards."""
    copied = words(60)
    documents = [document("original", copied, stars=9, domain="original.example", language="C")]
    for domain, n_copies, n_own in (
        ("mirror.example", 38, 2),  # 95 %
        ("tenth.example", 36, 4),  # 90 %
        ("small.example", 19, 0),
    ):
        documents += [
            document(f"{domain}/{n}", copied, domain=domain, language="Copied")
            for n in range(n_copies)
        ]
        documents += [
            document(
                f"{domain}/own{n}", words(60, 100 * n_copies + n), domain=domain, language=None
            )
            for n in range(n_own)
        ]
    random.Random(0).shuffle(documents)
    found = alarms(deduplicate(documents, shard_rows=shard_rows))
    dropped = sorted(doc_id(f"mirror.example/{n}") for n in range(38))
    assert found[("domain", "mirror.example")] == (40, 38, dropped[:3])
    assert {key for key in found if key[0] == "domain"} == {("domain", "mirror.example")}
    assert found[("language", "Copied")][:2] == (93, 93)
    assert not any(kind == CLUSTER for kind, _ in found)


def test_repositories_that_go_whole_are_no_alarm_where_they_are_compared(deduplicate):
    """A fork loses every file by the rule itself; compared by files that is worth a look."""
    documents = [
        document(
            f"{repo}:{n}.py",
            words(60, n),
            uri=f"{repo}@1:{n}.py",
            path=f"{n}.py",
            repo=repo,
            revision="1",
            stars=stars,
        )
        for repo, stars in (("ann/tool", 9), ("bob/fork", 1))
        for n in range(25)
    ]
    assert set(alarms(deduplicate(documents))) == {("repo", "bob/fork")}
    assert alarms(deduplicate(documents, unit="repository")) == {}


def test_a_document_that_many_repeat_is_named():
    """More than the limit, counted over all parts; one at the limit is not."""
    ids = [doc_id("large")] * 7 + [doc_id("other")] * 5
    drops = [
        pa.record_batch({"duplicate_of": pa.array(ids[start::2], pa.binary(16))})
        for start in (0, 1)
    ]
    counted = [
        batch.select(ALARMS.names) for part in drops for batch in CountRepeats(1)(iter([part]))
    ]
    find = FindAlarms(least=20, share=0.9, cluster=5)
    rows = [row for batch in find(iter(counted)) for row in batch.to_pylist()]
    assert Counter(ids)[doc_id("large")] == 7
    assert rows == [
        {
            "kind": CLUSTER,
            "value": doc_id("large").hex(),
            "documents": 7,
            "dropped": 7,
            "samples": [],
        }
    ]
